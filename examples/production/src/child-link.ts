/** What a parent asks over the channel: `command` with its payload, answered under the same `id`. */
export interface ChildRequest {
  readonly id: number;
  readonly command: string;
  readonly payload: unknown;
}

export type ChildMessage =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'reply'; readonly id: number; readonly error?: string };

export type CommandHandlers = Readonly<Record<string, (payload: unknown) => void>>;

/**
 * The child's end of the channel: answers commands, and ends this process as soon as the channel closes, which the
 * kernel does when the parent dies in whatever way. That is what leaves nothing running.
 */
export function serveParent(handlers: CommandHandlers): void {
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole terminal group; the parent ends its children in its own order.
  process.on('SIGINT', () => undefined);
  process.on('message', (request: ChildRequest) => {
    const handler = handlers[request.command];
    try {
      if (handler === undefined) throw new Error(`unknown command ${request.command}`);
      handler(request.payload);
      tellParent({ kind: 'reply', id: request.id });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      tellParent({ kind: 'reply', id: request.id, error: text });
    }
  });
  if (!process.connected) process.exit(0);
}

export function tellParent(message: ChildMessage): void {
  process.send?.(message);
}
