export * from './address-class.ts';
export * from './egress-destination.ts';
export * from './open-egress-http.ts';
export * from './open-sandbox.ts';
export * from './output-sanitizer.ts';
