/** Where in the current a plugin stands, from the client inwards. Inside a stage the order of `plugins` holds. */
export const stages = ['observe', 'admit', 'shape', 'store', 'gather', 'protect'] as const

export type Stage = (typeof stages)[number]
