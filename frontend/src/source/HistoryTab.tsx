// The history with all the room of an editor.
import type { EditorProps } from "../shell/registry";
import History from "./History";

export default function HistoryTab({ bench }: EditorProps) {
  return <History bench={bench} wide />;
}
