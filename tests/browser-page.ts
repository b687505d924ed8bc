/** The script of the page that browser.test.ts opens: `GIVEN` is in the page already, the answer is written into it. */
import { type Given, roundTrip } from "./codec-round-trip.ts";

declare const GIVEN: Given;
declare const document: { getElementById(id: string): { textContent: string } };

const answer = document.getElementById("answer");
try {
  answer.textContent = JSON.stringify(roundTrip(GIVEN));
} catch (error) {
  answer.textContent = `failed: ${error instanceof Error ? error.stack : String(error)}`;
}
