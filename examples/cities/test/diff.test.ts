import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The lines of `after` that are not in `before`; fails when a line of `before` is gone, moved or changed. */
function added(before: string, after: string): string[] {
  const kept = before.split('\n')
  const rest = after.split('\n').filter((line) => {
    if (line !== kept[0]) return true
    kept.shift()
    return false
  })
  assert.deepEqual(kept, [], 'the app with Millrace lacks lines of the app without')
  return rest.filter((line) => line.trim() !== '')
}

const shownIn = async (page: string): Promise<readonly string[]> => {
  const [, diff = ''] = /```diff\n([\s\S]*?)```/.exec(await read(page)) ?? []
  return diff.split('\n').flatMap((line) => (/^\+\s*\S/.test(line) ? [line.slice(1)] : []))
}

test('the front page shows the lines of the Express example', async () => {
  const lines = added(await read('express-cities/app.ts'), await read('express-cities/app.millrace.ts'))
  assert.deepEqual(await shownIn('../README.md'), lines)
})

for (const example of ['express-cities', 'koa-cities']) {
  describe(example, () => {
    test('Millrace is about ten lines more, and none of the app is changed', async () => {
      const lines = added(await read(`${example}/app.ts`), await read(`${example}/app.millrace.ts`))
      assert.ok(lines.length <= 14, `${lines.length} lines added`)
      assert.ok(lines.some((line) => line.includes('millrace(')))
    })

    test('its README shows just these lines', async () => {
      const lines = added(await read(`${example}/app.ts`), await read(`${example}/app.millrace.ts`))
      assert.deepEqual(await shownIn(`${example}/README.md`), lines)
    })
  })
}
