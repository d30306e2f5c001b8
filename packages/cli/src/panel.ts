/** One query of a panel. */
export interface Query {
  /** PromQL. */
  readonly expr: string
  /** What a series is called: `{{label}}` stands for its value. */
  readonly legend: string
}

/** What a panel shows, without what is the same for all of them. */
export interface Panel {
  readonly kind: 'lines' | 'stack' | 'heatmap'
  readonly title: string
  readonly description?: string
  /** By Grafana's name: `s`, `bytes`, `percentunit`, `reqps`. */
  readonly unit: string
  readonly queries: readonly Query[]
}

/** Panels under a heading. */
export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

type Json = Readonly<Record<string, unknown>>

/** The variable that every panel reads from. */
export const datasource: Json = { type: 'prometheus', uid: `\${datasource}` }

const across = 3
const width = 24 / across
const height = 8

/** Rows as Grafana lays them out: on a grid that is 24 wide, three panels beside each other. */
export const layOut = (rows: readonly Row[]): readonly Json[] => {
  let id = 0
  let y = 0
  return rows.flatMap(({ title, panels }) => {
    const heading = {
      id: ++id,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: 1, w: 24, x: 0, y },
      panels: [],
    }
    const top = y + 1
    y = top + Math.ceil(panels.length / across) * height
    return [
      heading,
      ...panels.map((panel, i) => {
        const place = { x: (i % across) * width, y: top + Math.floor(i / across) * height }
        return drawn(panel, ++id, { ...place, w: width, h: height })
      }),
    ]
  })
}

const drawn = (panel: Panel, id: number, gridPos: Json): Json => ({
  id,
  type: panel.kind === 'heatmap' ? 'heatmap' : 'timeseries',
  title: panel.title,
  description: panel.description ?? '',
  datasource,
  gridPos,
  ...(panel.kind === 'heatmap' ? heatmap(panel) : timeseries(panel)),
  targets: panel.queries.map(({ expr, legend }, i) => ({
    refId: String.fromCharCode('A'.charCodeAt(0) + i),
    datasource,
    editorMode: 'code',
    expr,
    legendFormat: legend,
    range: true,
    exemplar: panel.unit === 's',
    ...(panel.kind === 'heatmap' && { format: 'heatmap' }),
  })),
})

const timeseries = ({ kind, unit }: Panel): Json => ({
  fieldConfig: {
    defaults: {
      unit,
      min: 0,
      color: { mode: 'palette-classic' },
      custom: {
        drawStyle: 'line',
        lineWidth: 1,
        fillOpacity: kind === 'stack' ? 30 : 5,
        showPoints: 'never',
        stacking: { mode: kind === 'stack' ? 'normal' : 'none', group: 'A' },
      },
    },
    overrides: [],
  },
  options: {
    legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
})

const heatmap = ({ unit }: Panel): Json => ({
  fieldConfig: { defaults: { custom: { scaleDistribution: { type: 'linear' } } }, overrides: [] },
  options: {
    // The buckets come from Prometheus.
    calculate: false,
    cellGap: 1,
    color: {
      mode: 'scheme',
      scheme: 'Oranges',
      scale: 'exponential',
      exponent: 0.5,
      steps: 64,
      reverse: false,
    },
    exemplars: { color: 'rgba(255,0,255,0.7)' },
    filterValues: { le: 1e-9 },
    legend: { show: true },
    rowsFrame: { layout: 'auto' },
    tooltip: { mode: 'single', yHistogram: true, showColorScale: false },
    yAxis: { axisPlacement: 'left', reverse: false, unit },
  },
})
