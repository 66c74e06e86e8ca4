export type { FakeOrigin, FakeReply, FakeRequest, FakeServer, Fault } from './fake-server.ts';
export { newGithubRepository, startFakeGithub, type FakeGithub } from './start-fake-github.ts';
export {
  newGitlabProject,
  startFakeGitlab,
  type FakeGitlab,
  type FakeMergeRequest,
} from './start-fake-gitlab.ts';
export { startFakeGrafana, type FakeGrafana } from './start-fake-grafana.ts';
