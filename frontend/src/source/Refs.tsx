// Branches and tags at a commit.
export function Refs({ names }: { names: string[] }) {
  return names.map((name) => (
    <code key={name} className={`ref ${name.startsWith("origin/") ? "remote" : ""}`}>
      {name}
    </code>
  ));
}
