/** A point on the Earth, in degrees: latitude -90 to 90, longitude -180 to 180. */
export interface Point {
  readonly lat: number
  readonly lon: number
}

/** A box of latitudes and longitudes that does not cross the 180th meridian. */
export interface Box {
  readonly south: number
  readonly north: number
  readonly west: number
  readonly east: number
}

const EARTH_RADIUS_KM = 6371.0088 // the mean radius (IUGG)
/** Half the way around: no two points are farther apart. */
export const FARTHEST_KM: number = Math.PI * EARTH_RADIUS_KM

const radians = (degrees: number): number => (degrees * Math.PI) / 180
const degrees = (angle: number): number => (angle * 180) / Math.PI

/** Great-circle distance in kilometres, by the haversine formula. */
export function distance(a: Point, b: Point): number {
  const sinLat = Math.sin(radians(b.lat - a.lat) / 2)
  const sinLon = Math.sin(radians(b.lon - a.lon) / 2)
  const h = sinLat * sinLat + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * sinLon * sinLon
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)))
}

/**
 * The boxes that together hold every point within `km` of the centre: one, or two where the circle crosses the
 * 180th meridian. They hold more than the circle; the caller still measures the distance.
 */
export function boxesAround(centre: Point, km: number): Box[] {
  // A metre wider than asked, so that rounding loses no point on the rim.
  const angle = (km + 0.001) / EARTH_RADIUS_KM
  const south = centre.lat - degrees(angle)
  const north = centre.lat + degrees(angle)
  // A circle around a pole has every longitude in it.
  if (south <= -90 || north >= 90) {
    return [{ south: Math.max(south, -90), north: Math.min(north, 90), west: -180, east: 180 }]
  }
  // The circle is widest north (or, in the south, south) of its centre, hence not simply angle / cos(lat).
  const reach = degrees(Math.asin(Math.min(1, Math.sin(angle) / Math.cos(radians(centre.lat)))))
  const west = centre.lon - reach
  const east = centre.lon + reach
  if (west < -180) {
    return [
      { south, north, west: -180, east },
      { south, north, west: west + 360, east: 180 },
    ]
  }
  if (east > 180) {
    return [
      { south, north, west, east: 180 },
      { south, north, west: -180, east: east - 360 },
    ]
  }
  return [{ south, north, west, east }]
}

/** The middle of weighted points on the sphere. Plain averages of longitudes fail for Fiji, Russia and the USA. */
export function centroid(points: Iterable<Point & { readonly weight: number }>): Point {
  let x = 0
  let y = 0
  let z = 0
  for (const { lat, lon, weight } of points) {
    x += weight * Math.cos(radians(lat)) * Math.cos(radians(lon))
    y += weight * Math.cos(radians(lat)) * Math.sin(radians(lon))
    z += weight * Math.sin(radians(lat))
  }
  return { lat: degrees(Math.atan2(z, Math.hypot(x, y))), lon: degrees(Math.atan2(y, x)) }
}
