/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aios.h - what a caller needs: a context (modules, devices, configuration), a
 * tokenizer, and an engine (a loaded model on a device) that answers requests.
 * samples/tinyaios.c is the smallest program on it.
 *
 *	aios_config_create -> aios_create -> aios_engine_open
 *	-> aios_submit -> aios_poll ... AIOS_EVENT_END -> aios_engine_close -> aios_destroy
 *
 * Threads: a context may be used from any thread, one call at a time. An engine's
 * calls come from one thread at a time, except aios_cancel() and
 * aios_engine_interrupt(), which any thread and (the latter) a signal handler
 * may call. With aios_engine_start() the engine has a thread of its own instead, and
 * any thread may submit. Ownership: what a function creates, its partner destroys; pointers
 * in structs that the caller fills are borrowed for the call; pointers that the
 * library returns live as long as said beside them.
 */
#ifndef AIOS_AIOS_H
#define AIOS_AIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/config.h>
#include <aios/driver/driver.h>
#include <aios/error.h>
#include <aios/log.h>
#include <aios/module.h>
#include <aios/plugin/sampler.h>
#include <aios/plugin/tokenizer.h>
#include <aios/types.h>

#ifndef AIOS_API
#define AIOS_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- version -------------------------------------------------------------- */

#define AIOS_VERSION "0.1.0"

/* AIOS_VERSION of the library that runs, static. */
AIOS_API const char *aios_version(void);

/* ---- context --------------------------------------------------------------- */

struct aios;

/*
 * Boot: register the built-in modules, read the metadata of those on disk, check
 * the configuration. `cfg` is borrowed and must outlive the context. Logs go to
 * `log` (NULL: stderr, level from the configuration).
 */
AIOS_API int aios_create(struct aios_config *cfg, aios_log_fn log, void *log_ctx, struct aios **out,
			 struct aios_status *st);
AIOS_API void aios_destroy(struct aios *aios); /* takes NULL; engines are closed first */

/* What became of one candidate module. Strings live as long as the context. */
struct aios_module_report {
	uint32_t kind; /* enum aios_module_kind; 0: unknown (not an AIOS module) */
	bool accepted; /* its metadata passed; for built-ins: registered */
	bool loaded;   /* its code has been loaded */
	const char *name;
	const char *path;   /* "built in" or the file */
	const char *reason; /* why refused, or "" */
	const char *abi, *isa, *needs, *license, *description, *version; /* "" when absent */
};

/* Candidate `index` in the order of the search; false past the last. */
AIOS_API bool aios_module(struct aios *aios, uint32_t index, struct aios_module_report *out);

/* The parameters of a module, loading it when needed; NULL in *params when it has none. */
AIOS_API int aios_module_params(struct aios *aios, uint32_t kind, const char *name,
				const struct aios_param **params, uint32_t *n,
				struct aios_status *st);

/* A device and the driver that found it. */
struct aios_device_report {
	char driver[32];
	struct aios_device_desc desc;
	bool opened; /* info is filled */
	struct aios_device_info info;
	char numerics_id[64]; /* of the configured profile on this device, "" when not opened */
};

/*
 * Devices of every usable driver (or of the configured list), best score first;
 * up to `cap` are written, the number there are is returned. With `open` each is
 * opened briefly to fill `info`.
 */
AIOS_API int aios_devices(struct aios *aios, bool open, struct aios_device_report *out,
			  uint32_t cap, struct aios_status *st);

/*
 * Open the configured device with the configured hooks over it, fill `info`, and close it: for
 * hooks that do their work meanwhile, such as replay.
 */
AIOS_API int aios_device_try(struct aios *aios, struct aios_device_info *info,
			     struct aios_status *st);

/*
 * A text of several lines that says which modules of `kind` were looked for, where, and why each
 * was refused. malloc'ed; the caller frees. NULL when memory is short.
 */
AIOS_API char *aios_explain_modules(struct aios *aios, uint32_t kind);

/* ---- lint ------------------------------------------------------------------- */

enum aios_lint_level {
	AIOS_LINT_ERROR = 1,   /* the file is refused because of it */
	AIOS_LINT_WARNING = 2, /* it loads, and somebody will be sorry */
	AIOS_LINT_NOTE = 3,
};

/* One thing to say about a module file. */
struct aios_lint_finding {
	uint32_t level; /* enum aios_lint_level */
	uint32_t reserved;
	const char *rule;    /* "ADP-12", as Documentation/abi.md numbers them, or "" */
	const char *message; /* what is there, and what to do */
};

enum aios_lint_item_kind {
	AIOS_LINT_EXPORT = 1,  /* symbol that others can see */
	AIOS_LINT_IMPORT = 2,  /* symbol of others */
	AIOS_LINT_LIBRARY = 3, /* library that the file is linked with or says it needs */
	AIOS_LINT_SECTION = 4, /* section that stays writable, with its bytes */
	AIOS_LINT_OBJECT = 5,  /* variable in such a section; known unless the file is stripped */
	AIOS_LINT_SLOT = 6,    /* AIOS_LINT_LOAD: slot of the ops table */
	AIOS_LINT_DEVICE = 7,  /* AIOS_LINT_LOAD: device that probe() found */
};

/* One thing that the file has. */
struct aios_lint_item {
	uint32_t kind; /* enum aios_lint_item_kind */
	bool good;     /* nothing is wrong with it; of a slot: it is there */
	const char *name;
	const char *remark; /* what is wrong with it, or more about it; "" */
	uint64_t bytes;     /* SECTION, OBJECT */
};

/* All that is known about a module file. Strings live as long as the report; "" when absent. */
struct aios_lint_report {
	const char *path;
	const char *reason;    /* why the loader refuses the file; "" when it does not */
	uint32_t kind;         /* enum aios_module_kind, 0: none that this library knows */
	const char *kind_name; /* as the file says it */
	const char *name, *abi, *sanitizer, *isa, *license, *description, *author, *version;
	const char *core_abi;            /* this library's "major.minor:0xhash" */
	uint64_t file_bytes;             /* size of the file */
	uint64_t writable_bytes;         /* data that stays writable, thread-local included */
	uint64_t writable_limit;         /* how much a module may have */
	uint64_t init_array, fini_array; /* entries; the C runtime has one of each */
	bool relro, bind_now, exec_stack, text_relocations;
	bool stripped; /* no symbol table: OBJECT items are not known */
	bool loaded;   /* AIOS_LINT_LOAD: its code was loaded and answered */
	uint32_t n_errors, n_warnings;
	const struct aios_lint_finding *findings;
	size_t n_findings;
	const struct aios_lint_item *items;
	size_t n_items;
};

enum aios_lint_flags {
	/*
	 * Also load the file and, when it is a driver, probe it: in a child process, which is
	 * ended after the time limit, so that neither a crash nor an endless loop gets out.
	 */
	AIOS_LINT_LOAD = 1 << 0,
};

/*
 * Look at a module file by every rule of the loader (which stops at the first that fails) and some
 * more. Needs no context and no configuration. 0 with a report, also when the file is refused; an
 * error only when it cannot be read or memory is short. `timeout_ms`: of AIOS_LINT_LOAD; 0: ten
 * seconds. aios_lint_free() ends the report; it takes NULL.
 */
AIOS_API int aios_lint(const char *path, uint32_t flags, uint32_t timeout_ms,
		       struct aios_lint_report **out, struct aios_status *st);
AIOS_API void aios_lint_free(struct aios_lint_report *report);

/* ---- tokenizer -------------------------------------------------------------- */

struct aios_tokenizer;
struct aios_detokenizer;

/* `path`: a model folder or a tokenizer.json file. */
AIOS_API int aios_tokenizer_open(struct aios *aios, const char *path, struct aios_tokenizer **out,
				 struct aios_status *st);
AIOS_API void aios_tokenizer_close(struct aios_tokenizer *tok); /* takes NULL */

/* Flags AIOS_ENCODE_* of <aios/plugin/tokenizer.h>. *ids is malloc'ed; the caller frees it. */
AIOS_API int aios_tokenize(struct aios_tokenizer *tok, const char *text, size_t len, uint32_t flags,
			   int32_t **ids, size_t *n, struct aios_status *st);

/* Flags AIOS_DECODE_*. *text is malloc'ed and NUL-terminated; the caller frees it. */
AIOS_API int aios_detokenize(struct aios_tokenizer *tok, const int32_t *ids, size_t n,
			     uint32_t flags, char **text, size_t *len, struct aios_status *st);

/* Facts: vocabulary size (largest id + 1), bos and eos (-1: none), chat template (or NULL). */
AIOS_API int32_t aios_tokenizer_vocab_size(struct aios_tokenizer *tok);
AIOS_API int32_t aios_tokenizer_bos(struct aios_tokenizer *tok);
AIOS_API int32_t aios_tokenizer_eos(struct aios_tokenizer *tok);
AIOS_API const char *aios_tokenizer_chat_template(struct aios_tokenizer *tok);
/* A token as the vocabulary spells it, or NULL. */
AIOS_API const char *aios_tokenizer_token(struct aios_tokenizer *tok, int32_t id);

/* ---- plan ------------------------------------------------------------------- */

/* What running a model takes, computed before anything is allocated. Bytes. */
struct aios_plan {
	char model[256], architecture[64], driver[32], device[64], device_name[96];
	char numerics_id[64], profile[24];
	uint64_t parameters;   /* weight elements */
	uint64_t weights;      /* on the device, in the profile's types */
	uint64_t weights_file; /* in the checkpoint */
	uint64_t kv_token;     /* KV cache of one token, all layers */
	uint64_t kv_pool;      /* the page pool */
	uint64_t activations;  /* buffers and scratch at the largest batch */
	uint64_t tables;       /* rope tables, batch arrays, sampling arrays */
	uint64_t total;        /* weights + kv_pool + activations + tables + draft */
	uint64_t heap_total, heap_free, budget; /* of the device heap; budget 0: none set */
	uint32_t kv_pages, page_size;
	uint32_t context_length; /* tokens a sequence may have */
	uint32_t model_context;  /* what the model was made for */
	uint32_t max_batch_size, max_batch_tokens;
	uint32_t full_sequences; /* sequences of context_length tokens that fit at once */
	bool fits;               /* total <= budget and free */
	uint64_t draft;       /* of total: the draft model with its own KV pool, 0: there is none */
	uint32_t draft_pages; /* of that pool */
};

AIOS_API int aios_plan_model(struct aios *aios, const char *path, struct aios_plan *out,
			     struct aios_status *st);

/* ---- engine ----------------------------------------------------------------- */

struct aios_engine;

/* Progress while a model is loaded: bytes done of total. Called from aios_engine_open()'s thread. */
typedef void (*aios_progress_fn)(void *ctx, uint64_t done, uint64_t total);

/* Load a model (a Hugging Face folder) with the configuration of the context. */
AIOS_API int aios_engine_open(struct aios *aios, const char *path, aios_progress_fn progress,
			      void *progress_ctx, struct aios_engine **out, struct aios_status *st);
AIOS_API void aios_engine_close(struct aios_engine *engine); /* takes NULL; ends what is running */

/* The plan the engine was made by. Lives as long as the engine. */
AIOS_API const struct aios_plan *aios_engine_plan(const struct aios_engine *engine);

/* The engine's tokenizer, or NULL when the folder has none. Lives as long as the engine. */
AIOS_API struct aios_tokenizer *aios_engine_tokenizer(struct aios_engine *engine);

/* Vocabulary rows of the model's logits. */
AIOS_API uint32_t aios_engine_vocab_size(const struct aios_engine *engine);

/* One (id, bias) pair added to the logits. */
struct aios_logit_bias {
	int32_t id;
	float bias; /* -inf forbids */
};

/* Where a request stands. Documentation/engine.md has the legal transitions. */
enum aios_request_state {
	AIOS_REQUEST_QUEUED = 0,     /* waits to be admitted */
	AIOS_REQUEST_PREFILLING = 1, /* has pages; tokens before the newest have no KV yet */
	AIOS_REQUEST_DECODING = 2,   /* one row a step */
	AIOS_REQUEST_SWAPPED = 3,    /* preempted, its KV is in host memory */
	AIOS_REQUEST_DROPPED = 4,    /* preempted, its KV will be computed again */
	AIOS_REQUEST_FINISHED = 5,   /* from here on: ended */
	AIOS_REQUEST_FAILED = 6,
	AIOS_REQUEST_CANCELLED = 7,
	AIOS_REQUEST_STATES
};

/* Lower-case name of a state. Static. */
AIOS_API const char *aios_request_state_name(uint32_t state);

/* One transition of a request. */
struct aios_transition {
	uint64_t ns;       /* CLOCK_MONOTONIC */
	uint32_t state;    /* enum aios_request_state, entered then */
	uint32_t computed; /* tokens whose KV there was */
};

/* When a beam search whose n answers have ended is over, though beams could go on. */
enum aios_early_stopping {
	AIOS_EARLY_BOUND = 0, /* when the best beam, ended here, would not be among them */
	AIOS_EARLY_FULL = 1,  /* at once */
	AIOS_EARLY_NEVER = 2, /* as BOUND, but ended where it can score best: at max_tokens */
};

/* A request. Zero-initialise with AIOS_REQUEST_INIT; all pointers are copied from. */
struct aios_request {
	uint32_t size;
	uint32_t max_tokens; /* new tokens at most; 0: until the context is full */
	const char *text;    /* prompt, tokenized with its special tokens, or NULL */
	size_t text_len;
	const int32_t *ids; /* prompt as ids, when text is NULL */
	size_t n_ids;
	struct aios_sampling sampling;
	const char *const *stop; /* texts that end the answer, themselves left out */
	uint32_t n_stop;
	int32_t top_logprobs; /* -1: no log-probabilities; 0..20: the token's and so many best */
	const struct aios_logit_bias *bias;
	uint32_t n_bias;
	bool ignore_eos;
	bool keep_special;    /* write special tokens into the text */
	void *user;           /* handed back in events */
	uint32_t n;           /* answers to the prompt, each with an END of its own; 0: 1 */
	uint32_t tenant;      /* whom it is charged to: index of aios_engine_tenant(), 0: nobody */
	int32_t priority;     /* higher first, -100 to 100; what it means is the scheduler's */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; for schedulers that look at it, 0: none */
	const char *cache_salt; /* prompts share cached KV only with the same salt; NULL: none */
	bool no_cache;          /* use no cached KV and leave none */
	/*
	 * -1: none; 0..20: an AIOS_EVENT_PROMPT for each token of the prompt but the first, with its
	 * log-probability after the tokens before it, its rank, and so many best.
	 */
	int32_t prompt_logprobs;
	/*
	 * 1..8: beam search with so many beams, which are the answers, best first; their events come
	 * when the search is over. 0: none. Documentation/engine.md has the rule. No n, temperature,
	 * penalties, bias, stop texts or top_logprobs above 0 with it.
	 */
	uint32_t beams;
	uint32_t early_stopping; /* enum aios_early_stopping */
	float length_penalty;    /* -8 to 8: a score is sum of log-probabilities / tokens^penalty */
};

#define AIOS_REQUEST_INIT                                                                          \
	{                                                                                          \
		.size = sizeof(struct aios_request), .top_logprobs = -1, .prompt_logprobs = -1,    \
		.sampling = { .top_p = 1.0f, .repetition = 1.0f }, .length_penalty = 1.0f,         \
	}

enum aios_event_type {
	AIOS_EVENT_TOKEN =
		1, /* one more token; `text` may be empty while characters or stops are held back */
	AIOS_EVENT_END = 2, /* exactly one per answer, its last */
	/*
	 * aios_request.prompt_logprobs: a token of the prompt. Each of positions 1 .. n-1 once, in
	 * order, before the first TOKEN of answer 0, of which they are. `text` is empty.
	 */
	AIOS_EVENT_PROMPT = 3,
};

enum aios_end_reason {
	AIOS_END_STOP = 1,      /* an end-of-sequence token or a stop text */
	AIOS_END_LENGTH = 2,    /* max_tokens or the context length */
	AIOS_END_CANCELLED = 3, /* aios_cancel() or aios_engine_close() */
	AIOS_END_ERROR = 4,     /* `status` says what */
};

/* Name as the OpenAI API spells it: "stop", "length", "cancelled", "error". Static. */
AIOS_API const char *aios_end_reason_name(uint32_t reason);

/* Tokens and times of a request. Times: CLOCK_MONOTONIC nanoseconds, 0: not yet. */
struct aios_usage {
	uint32_t prompt_tokens, completion_tokens;
	uint32_t cached_tokens; /* of the prompt, found in the prefix cache at first admission */
	uint32_t preemptions;
	uint64_t submitted, started, first_token, finished;
	/* Time spent in each kind of state; preempted: swapped or dropped. */
	uint64_t queued_ns, prefill_ns, decode_ns, preempted_ns;
	uint32_t recomputed_tokens; /* rows computed again after being dropped */
	uint32_t swapped_pages;     /* written out, summed */
};

struct aios_event {
	uint32_t type;    /* enum aios_event_type */
	uint32_t reason;  /* END: enum aios_end_reason */
	uint64_t request; /* id from aios_submit() */
	void *user;
	int32_t id;       /* TOKEN, PROMPT */
	float logprob;    /* PROMPT, and TOKEN when asked for: of the raw logits */
	const char *text; /* new text, UTF-8, never split inside a character; until the next poll */
	size_t text_len;
	const int32_t *top_ids; /* TOKEN, PROMPT, when asked for: best first; until the next poll */
	const float *top_logprobs;
	uint32_t n_top;
	uint32_t choice; /* which of the request's n answers, from 0 */
	struct aios_usage usage;
	struct aios_status status; /* END with AIOS_END_ERROR */
	/* END: the last transitions of the answer, oldest first; until the next poll. */
	const struct aios_transition *timeline;
	uint32_t n_timeline;
	uint32_t rank;     /* PROMPT: 1 + ids that come before it: larger logit, then lower id */
	uint32_t position; /* PROMPT: of the token in the prompt, from 0 */
	uint32_t reserved;
	double score; /* END of a beam: what the answers are ordered by */
};

/*
 * Queue a request; *id names it in events. What cannot run is refused at once, with a message:
 *	-EINVAL    invalid ids, sampling values or other fields
 *	-E2BIG     the prompt is longer than the context, or fills it
 *	-ENOSPC    it may need more KV than the whole cache holds
 *	-EDQUOT    (AIOS_OVER_BUDGET) the tenant's quotas can never admit it
 *	-EAGAIN    (AIOS_NOT_NOW) the queue, or the tenant's part of it, is full
 */
AIOS_API int aios_submit(struct aios_engine *engine, const struct aios_request *request,
			 uint64_t *id, struct aios_status *st);

/*
 * The next event, computing as needed: 1 with *event filled, 0 when no request
 * is left or `deadline_ns` (CLOCK_MONOTONIC; 0: none) has passed, -EINTR after
 * aios_engine_interrupt(), or another negative errno when the engine is broken.
 */
AIOS_API int aios_poll(struct aios_engine *engine, struct aios_event *event, uint64_t deadline_ns,
		       struct aios_status *st);

/* Whom requests may be charged to. 0 in a quota: none. */
struct aios_tenant {
	double weight;              /* share of the device relative to the others'; > 0 */
	uint32_t max_running;       /* answers computed at once */
	uint32_t max_queued;        /* answers waiting */
	uint32_t max_pages;         /* KV pages of running answers */
	uint32_t max_cached_pages;  /* KV pages in the prefix cache */
	uint32_t tokens_per_minute; /* rows computed; a minute's worth may be saved up */
};

/* Make or change tenant `index` (below engine.max_tenants), before aios_engine_start(). */
AIOS_API int aios_engine_tenant(struct aios_engine *engine, uint32_t index,
				const struct aios_tenant *tenant, struct aios_status *st);

/* What an engine's own thread calls with each event, on that thread; it must not block for long. */
typedef void (*aios_event_fn)(void *ctx, const struct aios_event *event);

/*
 * Give the engine a thread of its own, which owns it until aios_engine_stop(): events go to
 * `on_event`, aios_submit(), aios_cancel() and aios_engine_stats() may be called from any
 * thread at once, and aios_poll() and aios_logits() not at all (-EBUSY). Idle it sleeps. A request that
 * the scheduler refuses (a tenant's quota) ends with an event instead of aios_submit()'s error.
 */
AIOS_API int aios_engine_start(struct aios_engine *engine, aios_event_fn on_event, void *ctx,
			       struct aios_status *st);

/* End the thread; requests that are left go on with aios_poll(). Not from `on_event`. */
AIOS_API void aios_engine_stop(struct aios_engine *engine);

/* End a request; its AIOS_EVENT_END comes from a later poll. -ENOENT when it has ended. */
AIOS_API int aios_cancel(struct aios_engine *engine, uint64_t id);

/* Make the running or next aios_poll() return -EINTR once. Safe in a signal handler. */
AIOS_API void aios_engine_interrupt(struct aios_engine *engine);

/*
 * Logits of every position of `ids`: out[n][vocabulary], in one pass (chunked when
 * n is larger than a batch; the bits are the same). No request may be running.
 */
AIOS_API int aios_logits(struct aios_engine *engine, const int32_t *ids, size_t n, float *out,
			 struct aios_status *st);

/*
 * A distribution on a logarithmic scale: bucket b counts values v with
 * floor(log2(v)) == b (v of 0 in bucket 0; the last bucket takes what is larger).
 */
#define AIOS_HISTOGRAM_BUCKETS 48

struct aios_histogram {
	uint64_t count, sum;
	uint64_t buckets[AIOS_HISTOGRAM_BUCKETS];
};

/* The value below which a share `q` (0 to 1) of the values lies, interpolated; 0 when there are none. */
AIOS_API double aios_histogram_quantile(const struct aios_histogram *h, double q);

/* Counters since the engine was opened, and memory. Every figure is kept here, once. */
struct aios_stats {
	uint32_t size;             /* set by the caller */
	uint32_t running, waiting; /* waiting: queued or preempted */
	uint32_t kv_pages_used, kv_pages_total;
	uint64_t steps, prompt_tokens, generated_tokens;
	uint64_t step_ns;                        /* time inside steps */
	uint64_t load_ns;                        /* time of aios_engine_open() */
	uint64_t memory_used, memory_peak;       /* device heap, bytes allocated by this engine */
	uint64_t graph_captures, graph_launches; /* of decode steps */

	uint32_t states[AIOS_REQUEST_STATES]; /* answers now in each state; ended ones: in all */
	uint32_t kv_pages_peak,
		kv_pages_cached; /* cached: held by the prefix cache and free for others */
	uint32_t swap_pages_used, swap_pages_total;
	uint64_t submitted, refused; /* answers; refused ones have no event */
	uint64_t finished, failed, cancelled;
	uint64_t swapped, dropped; /* preemptions of either kind */
	uint64_t swap_bytes_out, swap_bytes_in;
	uint64_t recomputed_tokens; /* prompt or output, after being dropped */
	uint64_t copied_pages;      /* on write, and of a prefix that ends inside a page */
	uint64_t cache_tokens_wanted, cache_tokens_hit, cache_pages_inserted, cache_pages_evicted;
	uint64_t cache_misses[8];         /* matches by enum aios_cache_miss, why they ended */
	uint64_t cache_missed_tokens[8];  /* tokens wanted and not found, likewise */
	uint64_t plan_ns;                 /* time inside the scheduler */
	struct aios_histogram queue_ns;   /* from submission to the first admission */
	struct aios_histogram ttft_ns;    /* from submission to the first token */
	struct aios_histogram itl_ns;     /* from a token to the next */
	struct aios_histogram request_ns; /* from submission to the end */
	struct aios_histogram steps_ns;   /* length of a step */
	struct aios_histogram step_rows;  /* rows of a step */
	struct aios_histogram step_seqs;  /* answers in a step */
	uint64_t steps_ahead; /* enqueued before the tokens of the step before were known */
	uint64_t drafted_tokens, accepted_tokens; /* guesses that were verified; that were right */
	uint64_t model_drafted_tokens, model_accepted_tokens; /* of these, the draft model's */
	uint64_t draft_passes, draft_rows, draft_ns; /* batches it computed, rows of them, time */
	uint64_t draft_failures; /* rounds of guesses that a device error ended */
	uint32_t draft_pages_used, draft_pages_total;
};

AIOS_API int aios_engine_stats(struct aios_engine *engine, struct aios_stats *out);

#ifdef __cplusplus
}
#endif

#endif /* AIOS_AIOS_H */
