export { type Middleware, mount, type Use } from './mount.ts'
