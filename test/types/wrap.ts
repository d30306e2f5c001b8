import { millrace } from '@millrace/core'
import { timing } from '@millrace/timing'

const mill = millrace({ plugins: [timing()] })

// A wrapped function takes what it took, and promises what it gave.
const add: (x: number, y?: number) => Promise<number> = mill.wrap('add', (x: number, y = 1) => x + y)
const later: () => Promise<string> = mill.wrap('later', async () => 'x', { timing: true })
const rest: (...names: string[]) => Promise<number> = mill.wrap('rest', (...names: string[]) => names.length)
void [add(1), later(), rest('a', 'b')]

// @ts-expect-error
void add('1')
// @ts-expect-error
void add()
// @ts-expect-error
const wrong: () => Promise<number> = later
void wrong

// A function in a rule may name fewer of the arguments, and no others.
mill.wrap('x', (a: string, b: number) => a + b, { timing: { label: (a) => a.trim() } })
mill.wrap('x', (a: string, b: number) => a + b, { timing: { label: (_a, b) => b.toFixed() } })
// @ts-expect-error
mill.wrap('x', (a: string, b: number) => a + b, { timing: { label: (a) => a.toFixed() } })
// @ts-expect-error
mill.wrap('x', (a: string, b: number) => a + b, { timing: { label: (_a, _b, c) => c } })

// The call is its `this`.
mill.wrap('fetch', function (url: string) {
  return fetch(url, { signal: this.signal })
})
mill.wrap('fetch', function (url: string) {
  // @ts-expect-error
  return this.nothing + url
})

// @ts-expect-error
mill.wrap('x', 'no function')
// @ts-expect-error
mill.wrap('x', () => 1, { cache: true })
// @ts-expect-error
mill.wrap('x', () => 1, { timing: 'yes' })
