import { builtinModules } from 'node:module';
import { packageName } from './edges.ts';
import { isTestCode, packageOfFile, packagesOf, sourceFiles, type Repository } from './repository.ts';
import { factsOf } from './source-facts.ts';

const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

/** Each package imports what it lists and lists what it imports, with one exact version in the whole repository. */
export function packageListFaults(repository: Repository): readonly string[] {
  const packages = packagesOf(repository);
  const root = packages.find(({ folder }) => folder === '')?.manifest ?? { name: '' };
  const shared = new Set(Object.keys(root.devDependencies ?? {}));
  const versions = new Map<string, string>();
  return packages.flatMap(({ folder, manifest }) => {
    const shipped = new Set(Object.keys(manifest.dependencies ?? {}));
    const forTests = new Set(Object.keys(manifest.devDependencies ?? {}));
    const used = { shipped: new Set<string>(), tests: new Set<string>() };
    const faults: string[] = [];
    for (const path of sourceFiles(repository)) {
      if (packageOfFile(packages, path).folder !== folder) continue;
      for (const { specifier } of factsOf(repository, path).imports) {
        if (specifier.startsWith('.') || isBuiltIn(specifier)) continue;
        const name = packageName(specifier);
        const test = isTestCode(path) && folder !== 'e2e';
        (test ? used.tests : used.shipped).add(name);
        if (shipped.has(name) || (test && (forTests.has(name) || shared.has(name)))) continue;
        if ((folder === '' || folder === 'e2e') && shared.has(name)) continue;
        faults.push(
          `${path} imports ${name}, which ${at(folder)} does not list${test ? '' : ' in dependencies'}`,
        );
      }
    }
    for (const name of shipped) {
      if (!used.shipped.has(name)) faults.push(`${at(folder)} lists ${name}, which nothing it ships imports`);
    }
    for (const name of folder === '' ? [] : forTests) {
      const types = name.startsWith('@types/') ? name.slice('@types/'.length) : name;
      if (!used.tests.has(types) && !(types !== name && used.shipped.has(types)))
        faults.push(`${at(folder)} lists ${name} in devDependencies, which none of its tests imports`);
    }
    const all = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies];
    for (const [name, version] of all.flatMap((each) => Object.entries(each ?? {}))) {
      if (!EXACT.test(version))
        faults.push(`${at(folder)} pins ${name} to ${version}; give one exact version`);
      const before = versions.get(name) ?? version;
      if (before !== version) faults.push(`${at(folder)} has ${name} ${version}, another package ${before}`);
      versions.set(name, version);
    }
    return faults;
  });
}

function isBuiltIn(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier);
}

function at(folder: string): string {
  return folder === '' ? 'package.json' : `${folder}/package.json`;
}
