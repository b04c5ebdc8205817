// GitLab's API as the client that most programs use has it: the same calls as ours makes, of which its declarations tell what they take.
// node gitlab.ts URL TOKEN COMMIT, about the merge request 1 of acme/project.
import { Gitlab } from "@gitbeaker/rest";

const [url, token, commit] = process.argv.slice(2) as [string, string, string];
const { Branches, Commits, Groups, MergeRequestApprovals, MergeRequestDiscussions, MergeRequests, Projects, Repositories, Users } = new Gitlab({
  host: url,
  oauthToken: token,
});
const project = "acme/project";

await Users.showCurrentUser();
await Groups.all({ minAccessLevel: 10 });
await Projects.all({ membership: true, orderBy: "last_activity_at", search: "proj", pagination: "offset" });
await Users.allProjects("ada", { orderBy: "last_activity_at", search: "proj", sort: "desc", pagination: "keyset", perPage: 50 });
await Groups.allProjects("acme", { orderBy: "last_activity_at", includeSubgroups: true, search: "proj" });
await Projects.show(project);
await Branches.all(project, { maxPages: 1 });
await Repositories.allRepositoryTrees(project, { path: "api", ref: commit, maxPages: 1 });

await MergeRequests.all({ projectId: project, state: "opened", sourceBranch: "next", targetBranch: "main" });
await MergeRequests.create(project, "next", "main", "Draft: New", { description: "Text" });
await MergeRequests.show(project, 1);
await MergeRequests.edit(project, 1, { title: "Newer", description: "Text" });
await MergeRequests.edit(project, 1, { stateEvent: "close" });
await MergeRequests.edit(project, 1, { stateEvent: "reopen" });
await MergeRequests.edit(project, 1, { labels: "bug" });

const at = { positionType: "text", baseSha: commit, startSha: commit, headSha: commit, oldPath: "package.json", newPath: "package.json" } as const;
await MergeRequestDiscussions.create(project, 1, "On a line", { position: { ...at, newLine: "2" } });
await MergeRequestDiscussions.create(project, 1, "On one that is gone", { position: { ...at, oldLine: "2" } });
const thread = await MergeRequestDiscussions.create(project, 1, "On the whole");
const note = Number(thread.notes?.[0]?.id);
await MergeRequestDiscussions.addNote(project, 1, thread.id, "An answer");
await MergeRequestDiscussions.editNote(project, 1, thread.id, note, { body: "Better" });
await MergeRequestDiscussions.resolve(project, 1, thread.id, true);
await MergeRequestDiscussions.removeNote(project, 1, thread.id, note);
await MergeRequestDiscussions.all(project, 1);

await Commits.editStatus(project, commit, "success", { name: "ci", description: "Told", targetUrl: "https://ci.example/1" });
await Commits.allStatuses(project, commit);
await MergeRequestApprovals.approve(project, 1, { sha: commit });
await MergeRequestApprovals.showConfiguration(project, { mergerequestIId: 1 });
await MergeRequests.showReviewers(project, 1);
await MergeRequests.merge(project, 1, { sha: commit, squash: false, mergeCommitMessage: "All of it" });
await MergeRequests.merge(project, 1, { sha: commit, squash: true, squashCommitMessage: "All of it" });
