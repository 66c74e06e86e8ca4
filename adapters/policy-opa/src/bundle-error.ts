import { AppError } from '@carapulse/kernel';
import type { BundleFault } from './guest-protocol.ts';

/** `file:row:col: code: message`, the form editors and terminals make clickable. */
export function formatFault(fault: BundleFault): string {
  const place = [fault.file, fault.row, fault.col].filter((part) => part !== undefined).join(':');
  return `${place === '' ? '' : `${place}: `}${fault.code}: ${fault.message}`;
}

/** The failure that says which rule of a bundle is wrong and where. */
export function bundleError(faults: readonly BundleFault[]): AppError {
  const shown = faults.slice(0, 5).map(formatFault).join('; ');
  const more = faults.length > 5 ? `; and ${faults.length - 5} more` : '';
  return new AppError('invalid_input', `The policies do not compile: ${shown}${more}`, {
    errors: faults.map((fault) => ({
      pointer: fault.file === undefined ? '' : `/${fault.file}`,
      detail: formatFault(fault),
    })),
  });
}
