export { Board } from './board.ts'
export { type VotesUnderTest, votesContract } from './votes-contract.ts'
