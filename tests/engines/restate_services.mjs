// The services of the mix: a handler for each state that an invocation can be in, one for each way
// in which people are asked. Started with the port as its argument.
import http2 from "node:http2";
import * as restate from "@restatedev/restate-sdk";

Promise.withResolvers ??= function () { // Node 20 has none
  let resolve, reject;
  const promise = new Promise((a, b) => { resolve = a; reject = b; });
  return { promise, resolve, reject };
};

const { TerminalError, handlers } = restate;
const SOON = { inactivityTimeout: 1000, journalRetention: { days: 1 } };
const takes = (jsonSchema) => Object.assign(Object.create(restate.serde.json), { jsonSchema });
const soon = (name, options) => ({ name, options: { ...SOON, ...options } });
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const tried = new Map(); // how often, by invocation

function failUntil(ctx, times, words) {
  const id = ctx.request().id.toString();
  tried.set(id, (tried.get(id) ?? 0) + 1);
  if (tried.get(id) <= times) throw new Error(words);
  return tried.get(id);
}

const invoices = restate.service({
  ...soon("invoices", {}),
  handlers: {
    import: handlers.handler(
      {
        description: "Takes invoices over.",
        input: takes({
          type: "object",
          required: ["count", "priority"],
          properties: {
            count: { type: "integer", title: "Count", description: "How many." },
            priority: { type: "string", enum: ["URGENT", "NORMAL"] },
            labels: { type: "array", items: { type: "string" }, default: ["a"] },
            rehearsal: { type: "boolean" },
            note: { type: "string" },
          },
        }),
      },
      async (ctx, given) => {
        const rows = await ctx.run("fetch rows", () => ({ rows: given.count }));
        await ctx.run("write <ledger> & Büro", () => undefined);
        return { ...rows, priority: given.priority };
      },
    ),
    reconcile: async (ctx, given) => {
      await ctx.run("read rows", () => [1, 2, 3]);
      await ctx.run("post", () => {
        throw new TerminalError("the ledger does not take it: token=abc123", { errorCode: 422 });
      });
      return given;
    },
    rates: async (ctx) => {
      await ctx.awakeable().promise.orTimeout({ milliseconds: 500 });
    },
    take_stock: async (ctx, { wares }) => {
      for (let ware = 1; ware <= wares; ware += 1) await ctx.run(`ware ${ware}`, () => ware);
      return "x".repeat(20_000);
    },
    archive: async (ctx) => ctx.sleep({ hours: 1 }),
    undo: async (ctx) => {
      await ctx.run("book", () => "booked");
      try {
        await ctx.sleep({ hours: 1 });
      } catch (error) {
        await ctx.run("unbook", () => "unbooked");
        throw error;
      }
    },
    watch: handlers.handler({ inactivityTimeout: { hours: 1 } }, async (ctx) => {
      await ctx.run("look", () => wait(600_000));
    }),
  },
});

const partner = restate.service({
  ...soon("partner", {}),
  handlers: {
    call: handlers.handler(
      { retryPolicy: { initialInterval: 100, maxAttempts: 10 } },
      async (ctx) => {
        const first = await ctx.run("ask partner", () => failUntil(ctx, 2, "partner is busy"));
        failUntil(ctx, first + 1, "not yet");
        return "answered";
      },
    ),
    unreachable: handlers.handler(
      { retryPolicy: { initialInterval: { minutes: 5 }, maxAttempts: 10 } },
      async (ctx) => {
        await ctx.run("reach partner", () => { throw new Error("no route: password=hunter2"); });
      },
    ),
    broken: handlers.handler(
      { retryPolicy: { initialInterval: 50, maxAttempts: 2, onMaxAttempts: "pause" } },
      async (ctx) => {
        await ctx.run("read contract", () => "contract");
        await ctx.run("sign", () => failUntil(ctx, 3, "the pen is empty"));
        return "signed";
      },
    ),
    explode: handlers.handler(
      { retryPolicy: { initialInterval: 50, maxAttempts: 2, onMaxAttempts: "pause" } },
      async () => { throw new Error("the code is wrong"); },
    ),
    hopeless: handlers.handler(
      { retryPolicy: { initialInterval: 50, maxAttempts: 2, onMaxAttempts: "kill" } },
      async (ctx) => {
        await ctx.run("hope", () => { throw new Error("there is none"); });
      },
    ),
  },
});

const orders = restate.object({
  ...soon("orders", {}),
  handlers: {
    place: async (ctx, given) => {
      ctx.set("state", "placed");
      const stock = ctx.serviceClient({ name: "invoices" });
      await stock.import({ count: 1, priority: "NORMAL" });
      ctx.serviceSendClient({ name: "invoices" }).archive();
      ctx.set("state", "paid");
      return { placed: given, state: await ctx.get("state") };
    },
    hold: async (ctx) => ctx.sleep({ hours: 1 }),
    add: async (ctx, given) => given,
    look: handlers.object.shared(async (ctx) => ctx.get("state")),
  },
});

const desk = restate.service({
  ...soon("desk", {}),
  handlers: {
    ask: async (ctx, given) => {
      const { id, promise } = ctx.awakeable();
      await ctx.run("write to the boss", () => ({ reply_to: id }));
      return { asked: given, told: await promise };
    },
    ask_until: async (ctx) => {
      const { promise } = ctx.awakeable();
      return promise.orTimeout({ hours: 1 });
    },
    forward: async (ctx, given) => ctx.serviceClient({ name: "desk" }).ask(given),
  },
});

const approval = restate.workflow({
  ...soon("approval", { workflowRetention: { days: 1 } }),
  handlers: {
    run: async (ctx, given) => {
      await ctx.run("prepare papers", () => given);
      const told = await ctx.promise("decision");
      if (!told.approved) throw new TerminalError(`not approved: ${told.note}`);
      return told;
    },
    decide: handlers.workflow.shared(
      {
        description: "The decision of the board.",
        input: takes({
          type: "object",
          required: ["approved"],
          properties: {
            approved: { type: "boolean", title: "Approved" },
            note: { type: "string", title: "Note" },
          },
        }),
      },
      async (ctx, told) => {
        await ctx.promise("decision").resolve(told);
      },
    ),
  },
});

const survey = restate.workflow({
  ...soon("survey", { workflowRetention: { days: 1 } }),
  handlers: {
    run: async (ctx) => ctx.promise("opinion & mood"),
    praise: handlers.workflow.shared(async (ctx, told) => {
      await ctx.promise("opinion & mood").resolve({ praise: told });
    }),
    complain: handlers.workflow.shared(async (ctx, told) => {
      await ctx.promise("opinion & mood").reject(`complaint: ${told}`);
    }),
  },
});

const back_office = restate.service({
  ...soon("back_office", { ingressPrivate: true }),
  handlers: { file: async (ctx, given) => given },
});

let endpoint = restate.endpoint();
for (const each of [invoices, partner, orders, desk, approval, survey, back_office]) {
  endpoint = endpoint.bind(each);
}
http2.createServer(endpoint.http2Handler()).listen(Number(process.argv[2]), "127.0.0.1");
