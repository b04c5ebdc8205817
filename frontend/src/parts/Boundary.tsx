// Around a part of the page that may fail, or that may not come: the rest of the page stays, and this part says so.
import { Component, type ReactNode } from "react";
import { Button, Notice } from "./controls";

export class Boundary extends Component<{ children: ReactNode }, { failure: string }> {
  override state = { failure: "" };

  static getDerivedStateFromError(error: unknown) {
    const message = (error as Error)?.message || String(error);
    return { failure: /import/i.test(message) ? "it could not be loaded, the server may have a newer one" : message };
  }

  override render() {
    if (!this.state.failure) return this.props.children;
    return (
      <Notice text={`This part of the page cannot be shown: ${this.state.failure}. Unsaved text is kept.`}>
        <Button onClick={() => location.reload()}>Load the page again</Button>
      </Notice>
    );
  }
}
