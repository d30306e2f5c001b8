export { type BuildOptions, buildDatabase, databaseFile } from './build.ts'
export { Cities, NotFound, type QueryEvent, queries, type Visits } from './cities.ts'
export { type City, type CityAway, countryName } from './city.ts'
export { type Box, boxesAround, centroid, distance, FARTHEST_KM, type Point } from './geo.ts'
export {
  cityParams,
  countryParams,
  neighboursQuery,
  type Search,
  searchQuery,
  type Visit,
  visitBody,
} from './input.ts'
export { PROBLEM_TYPE, type Problem, problem } from './problem.ts'
export { type CountryStats, countryStats } from './stats.ts'
