import { memoryPair } from "./memory-transport.ts";
import { transportContract } from "./transport.contract.ts";

transportContract("memory", async () => {
  const { ends, cut } = memoryPair();
  return {
    connect: async () => ends,
    cut,
    close: async () => {
      await Promise.all(ends.map((end) => end.close()));
    },
  };
});
