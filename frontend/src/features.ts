// The page's table of contents: every feature that plugs something into the workbench. How is said in shell/registry.ts.
import "./shell/theme";
import "./shell/commands";
import "./session/register";
import "./terminal/register";
import "./source/register";
import "./pulls/register";
import "./editor/register";
import "./editor/lsp/register";
import "./services/register";
import "./tasks/register";
