// Why coming back from a provider did not sign one in, by the code in the address.
const WORDS: Record<string, string> = {
  account_exists:
    "There is an account with that address already. Sign in with its password, then link the provider in your profile.",
  address_not_proved: "The provider has not proved your e-mail address. Confirm it there first, then try again.",
  linked_elsewhere: "Another account here is linked with that identity. Sign in with it, or unlink it there first.",
  provider_away: "The provider cannot be reached, or answered in a way that is not understood. Try again later.",
  provider_refused: "The provider did not confirm who you are, or the attempt took too long. Begin again.",
  registration_closed:
    "You have no account here, and sign-up is closed. Ask a member of the organisation to invite you.",
  invalid_invitation: "That invitation is over, or is for another address. Ask for a new one.",
  invitation_used: "Somebody joined by that invitation already. If it was you, sign in; else ask for one of your own.",
  no_such_provider: "Nobody signs in by that provider here.",
};

export const wordsOf = (code: string): string => code && (WORDS[code] ?? `That did not work (${code}). Try again.`);
