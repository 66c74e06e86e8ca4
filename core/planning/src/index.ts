export * from './bind-parameters.ts';
export * from './match-playbooks.ts';
export * from './meets-expectation.ts';
export * from './parse-playbook.ts';
export * from './plan-from-playbook.ts';
export * from './planner.ts';
export * from './playbook.ts';
export * from './ports.ts';
