// Connections to providers, and what lies there.
export const HOSTS = ["github", "gitlab", "bitbucket"] as const;
export type Host = (typeof HOSTS)[number];
export const HOST_WORDS: Record<Host, string> = { github: "GitHub", gitlab: "GitLab", bitbucket: "Bitbucket" };
export type Connection = {
  id: string;
  provider: Host;
  base_url: string;
  account: string;
  oauth: boolean;
  created_at: string;
};
export type Owner = { name: string; title: string };
export type Repository = { name: string; url: string; default_branch: string; private: boolean; description: string };
export type Branch = { name: string; head: string };

/** How a list of connections calls one. */
export const nameOf = (of: Connection) => `${HOST_WORDS[of.provider]}: ${of.account} (${new URL(of.base_url).host})`;
