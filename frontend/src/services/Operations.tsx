// What was asked for and is not over: how far each is, its place in the queue, and why one failed.
import { Button, Notice } from "../parts/controls";
import { Icon } from "../shell/icons";
import type { Operation } from "./types";
import { KINDS, sentence, waiting } from "./words";

type Props = { operations: Operation[]; onDismiss: (id: string) => void };

export function Operations({ operations, onDismiss }: Props) {
  return operations.map((operation) => {
    const done = operation.steps.filter((step) => step.status === "done").length;
    const name = KINDS[operation.kind] ?? operation.kind;
    const what = operation.kind.endsWith("-all") ? name : `${name} ${operation.steps.at(-1)?.service ?? ""}`;
    if (operation.status === "failed")
      return (
        <Notice key={operation.id} text={`${what} failed. ${sentence(operation.error?.message ?? "")}`}>
          {operation.error?.remedy && <span className="soft">{operation.error.remedy}</span>}
          <Button kind="quiet" aria-label="Dismiss" onClick={() => onDismiss(operation.id)}>
            <Icon name="close" size={12} />
          </Button>
        </Notice>
      );
    const words =
      operation.status === "queued"
        ? waiting(operation)
        : operation.status === "succeeded"
          ? "done"
          : `${done} of ${operation.steps.length}${operation.estimate_seconds ? `, about ${Math.ceil(operation.estimate_seconds)} s left` : ""}`;
    return (
      <div key={operation.id} className="operation" role="status">
        <span>
          <b>{what}</b> <span className="soft">{words}</span>
        </span>
        <progress
          max={operation.steps.length || 1}
          value={operation.status === "queued" ? undefined : share(operation)}
          aria-label={`${what}: ${words}`}
        />
      </div>
    );
  });
}

/** Steps done, the percents of those that run included. */
function share(operation: Operation): number {
  return operation.steps.reduce(
    (sum, step) => sum + (step.status === "done" ? 1 : step.status === "running" ? (step.percent ?? 0) / 100 : 0),
    0,
  );
}
