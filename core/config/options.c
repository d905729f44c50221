// SPDX-License-Identifier: Apache-2.0
/* options.c - the table of the core's options. Help, man pages and completions are made from it. */
#include "core/config/config.h"

#define GENERATE (AIOS_CMD_RUN | AIOS_CMD_CHAT | AIOS_CMD_SERVE | AIOS_CMD_BISECT)
#define ENGINE (GENERATE | AIOS_CMD_BENCH | AIOS_CMD_PLAN | AIOS_CMD_LOGITS | AIOS_CMD_VERIFY)
#define MODEL (ENGINE | AIOS_CMD_TOKENIZE | AIOS_CMD_DETOKENIZE | AIOS_CMD_TEMPLATE)
#define ALL AIOS_CMD_ALL

/* A row: section, key, type, default, {bounds}, choices, cli, short, value, group, commands, help. */
#define ROW(sec, key, ptype, dflt, lo, hi, list, long_name, letter, value, heading, cmds, text)    \
	{                                                                                          \
		.section = (sec),                                                                  \
		.param = { .name = (key),                                                          \
			   .type = AIOS_PARAM_##ptype,                                             \
			   .default_text = (dflt),                                                 \
			   .min = (lo),                                                            \
			   .max = (hi),                                                            \
			   .choices = (list),                                                      \
			   .help = (text) },                                                       \
		.cli = (long_name), .cli_short = (letter), .value_name = (value),                  \
		.group = (heading), .commands = (cmds),                                            \
	}

#define INT_LARGE 2147483647.0
#define BYTES_HUGE 9223372036854775807.0

/* clang-format off */
const struct aios_option config_core_options[] = {
	ROW("aios", "model", PATH, "", 0, 0, NULL, "model", 'm', "DIR", "Model",
	    MODEL | AIOS_CMD_DOCTOR,
	    "Folder of the model (Hugging Face layout)."),
	ROW("aios", "driver", STRING, "", 0, 0, NULL, "driver", 0, "LIST", "Device", ALL,
	    "Drivers to use, in order of preference, separated by commas; a name with '/' is a file. "
	    "Empty: the one with the best score. Nothing else is ever used."),
	ROW("aios", "device", STRING, "", 0, 0, NULL, "device", 0, "ID", "Device", ALL,
	    "Device of the driver: its number or a stable id as 'aios devices' prints it. "
	    "Empty: the one with the best score."),
	ROW("aios", "hook", STRING, "", 0, 0, NULL, "hook", 0, "LIST", "Device",
	    ENGINE | AIOS_CMD_CONFORM | AIOS_CMD_REPLAY,
	    "Hooks over the driver: NAME or NAME:ARGUMENTS, separated by commas, the first nearest to "
	    "the core; empty: none."),
	ROW("aios", "require_certificate", PATH, "", 0, 0, NULL, "require-certificate", 0, "FILE", "Device",
	    ENGINE, "Use the device only with this certificate of 'aios conform' for it; empty: none is "
		    "needed."),
	ROW("aios", "certificate_level", INT, "3", 0, 5, NULL, "certificate-level", 0, "N", "Device", ENGINE,
	    "Levels that the certificate must cover."),
	ROW("aios", "driver_path", PATH, "", 0, 0, NULL, "driver-path", 0, "DIRS", "Device", ALL,
	    "Folders that are searched for drivers, separated by colons, before the installed ones."),
	ROW("aios", "plugin_path", PATH, "", 0, 0, NULL, "plugin-path", 0, "DIRS", "Device", ALL,
	    "Folders that are searched for plugins, separated by colons, before the installed ones."),
	ROW("aios", "default_path", BOOL, "true", 0, 0, NULL, "default-path", 0, NULL, "Device", ALL,
	    "Search the folders beside the program too; --no-default-path: only those that are named."),
	ROW("aios", "probe_timeout", INT, "10", 1, 3600, NULL, "probe-timeout", 0, "SECONDS", "Device",
	    ALL, "How long a driver may take to list its devices before it is given up."),
	ROW("aios", "threads", INT, "0", 0, 4096, NULL, "threads", 0, "N", "Device", ALL,
	    "Threads of drivers that compute on the CPU; 0: one a core. Results do not depend on it."),
	ROW("aios", "numerics", CHOICE, "auto", 0, 0,
	    "auto|fma32|tc-sm90|tc-sm90-e4m3|tc-sm80|i8|i8x2", "numerics", 0, "PROFILE", "Device",
	    ENGINE | AIOS_CMD_DEVICES | AIOS_CMD_DOCTOR,
	    "Numerics profile, which fixes every bit of the answer; auto: the driver's fastest exact one."),
	ROW("aios", "log_level", CHOICE, "warn", 0, 0, "error|warn|info|debug", "log-level", 0,
	    "LEVEL", "Output", ALL, "Least severity of what is logged to stderr."),
	ROW("aios", "color", CHOICE, "auto", 0, 0, "auto|always|never", "color", 0, "WHEN", "Output",
	    ALL, "Colours on stderr; auto: on a terminal, unless NO_COLOR is set."),
	ROW("aios", "progress", CHOICE, "auto", 0, 0, "auto|always|never", "progress", 0, "WHEN",
	    "Output", ENGINE | AIOS_CMD_CONFORM, "Progress and statistics on stderr; auto: on a terminal."),

	ROW("engine", "context_length", INT, "0", 0, INT_LARGE, NULL, "context-length", 'c', "N",
	    "Engine", ENGINE, "Tokens a sequence may have; 0: what the model was made for."),
	ROW("engine", "max_batch_size", INT, "8", 1, 65536, NULL, "max-batch-size", 0, "N", "Engine",
	    ENGINE, "Sequences that are computed together at most."),
	ROW("engine", "max_batch_tokens", INT, "512", 1, 1048576, NULL, "max-batch-tokens", 0, "N",
	    "Engine", ENGINE, "Tokens of one step at most; longer prompts are computed in chunks."),
	ROW("engine", "page_size", INT, "16", 1, 4096, NULL, "page-size", 0, "N", "Engine", ENGINE,
	    "Tokens in a page of the KV cache."),
	ROW("engine", "kv_memory", SIZE, "0", 0, BYTES_HUGE, NULL, "kv-memory", 0, "BYTES", "Engine",
	    ENGINE, "Memory of the KV cache; 0: enough for the largest batch, as far as it fits."),
	ROW("engine", "kv_cache_policy", CHOICE, "paged", 0, 0, "paged", "kv-cache-policy", 0, "NAME",
	    "Engine", ENGINE, "How the KV cache is managed."),
	ROW("engine", "graphs", CHOICE, "auto", 0, 0, "auto|on|off", "graphs", 0, "WHEN", "Engine",
	    ENGINE, "Capture decode steps as graphs and replay them where the driver can; auto: unless a "
		    "hook wants to see every launch. Results do not depend on it."),
	ROW("engine", "memory_limit", SIZE, "0", 0, BYTES_HUGE, NULL, "memory-limit", 0, "BYTES",
	    "Engine", ENGINE, "Device memory the engine may use in all; 0: what is free."),
	ROW("engine", "tensor_parallel", INT, "1", 1, 16, NULL, "tensor-parallel", 0, "N", "Engine",
	    ENGINE, "Devices that share each layer."),
	ROW("engine", "tp_max", INT, "1", 1, 16, NULL, "tp-max", 0, "N", "Engine", ENGINE,
	    "Segments (a power of two) that row-parallel sums are cut into; fixes the bits for up to N devices."),

	ROW("sampling", "temperature", FLOAT, "0.7", 0, 100, NULL, "temp", 0, "T", "Sampling", GENERATE,
	    "0 takes the likeliest token always; higher is more varied."),
	ROW("sampling", "top_k", INT, "0", 0, INT_LARGE, NULL, "top-k", 0, "K", "Sampling", GENERATE,
	    "Draw from the K likeliest tokens only; 0: off."),
	ROW("sampling", "top_p", FLOAT, "1", 0, 1, NULL, "top-p", 0, "P", "Sampling", GENERATE,
	    "Draw from the likeliest tokens that make up probability P; 1: off."),
	ROW("sampling", "min_p", FLOAT, "0", 0, 1, NULL, "min-p", 0, "P", "Sampling", GENERATE,
	    "Drop tokens less likely than P times the likeliest; 0: off."),
	ROW("sampling", "repetition_penalty", FLOAT, "1", 0.01, 100, NULL, "repetition-penalty", 0, "X",
	    "Sampling", GENERATE, "Divides the logits of tokens seen before; 1: off."),
	ROW("sampling", "presence_penalty", FLOAT, "0", -2, 2, NULL, "presence-penalty", 0, "X",
	    "Sampling", GENERATE, "Taken from the logits of tokens already in the answer; 0: off."),
	ROW("sampling", "frequency_penalty", FLOAT, "0", -2, 2, NULL, "frequency-penalty", 0, "X",
	    "Sampling", GENERATE, "Taken from a token's logit for each time it is in the answer; 0: off."),
	ROW("sampling", "seed", INT, "0", 0, BYTES_HUGE, NULL, "seed", 's', "N", "Sampling",
	    GENERATE | AIOS_CMD_CONFORM,
	    "The same seed gives the same answer, on every device."),
	ROW("sampling", "max_tokens", INT, "0", 0, INT_LARGE, NULL, "max-tokens", 'n', "N", "Sampling",
	    GENERATE, "New tokens at most; 0: until the context is full."),
	ROW("sampling", "stop", STRING, "", 0, 0, NULL, "stop", 0, "TEXT", "Sampling", GENERATE,
	    "Text that ends the answer and is left out of it; empty: none."),

	ROW("command", "prompt", STRING, "", 0, 0, NULL, "prompt", 'p', "TEXT", "Input",
	    GENERATE | AIOS_CMD_TOKENIZE | AIOS_CMD_LOGITS,
	    "The prompt; '-' or nothing: what stdin gives."),
	ROW("command", "file", PATH, "", 0, 0, NULL, "file", 'f', "FILE", "Input",
	    GENERATE | AIOS_CMD_TOKENIZE | AIOS_CMD_LOGITS, "Read the prompt from a file."),
	ROW("command", "ids", STRING, "", 0, 0, NULL, "ids", 0, "LIST", "Input",
	    AIOS_CMD_RUN | AIOS_CMD_LOGITS | AIOS_CMD_DETOKENIZE | AIOS_CMD_BISECT,
	    "Token ids, separated by commas."),
	ROW("command", "out", PATH, "", 0, 0, NULL, "out", 'o', "FILE", "Output", AIOS_CMD_LOGITS,
	    "File to write: float32 rows in NumPy's format (.npy)."),
	ROW("command", "json", BOOL, "false", 0, 0, NULL, "json", 0, NULL, "Output", ALL,
	    "Write JSON to stdout."),
	ROW("command", "jsonl", BOOL, "false", 0, 0, NULL, "jsonl", 0, NULL, "Input",
	    AIOS_CMD_TOKENIZE | AIOS_CMD_DETOKENIZE, "One JSON value a line in, one a line out."),
	ROW("command", "special", BOOL, "true", 0, 0, NULL, "special", 0, NULL, "Input",
	    AIOS_CMD_TOKENIZE, "Add the special tokens the model was trained with."),
	ROW("command", "skip_special", BOOL, "false", 0, 0, NULL, "skip-special", 0, NULL, "Output",
	    AIOS_CMD_DETOKENIZE, "Leave special tokens out of the text."),
	ROW("command", "ignore_eos", BOOL, "false", 0, 0, NULL, "ignore-eos", 0, NULL, "Sampling",
	    AIOS_CMD_RUN | AIOS_CMD_BENCH, "Go on after an end-of-sequence token."),
	ROW("command", "keep_special", BOOL, "false", 0, 0, NULL, "keep-special", 0, NULL, "Output",
	    AIOS_CMD_RUN, "Write special tokens into the text."),
	ROW("command", "echo", BOOL, "false", 0, 0, NULL, "echo", 0, NULL, "Output", AIOS_CMD_RUN,
	    "Write the prompt before the answer."),
	ROW("command", "logprobs", INT, "-1", -1, 20, NULL, "logprobs", 0, "N", "Output", AIOS_CMD_RUN,
	    "With --json: each token's log-probability and those of the N likeliest; -1: none."),
	ROW("command", "why", BOOL, "false", 0, 0, NULL, "why", 0, NULL, "Output", AIOS_CMD_DRIVER,
	    "List the refused candidates too, with the reason of each."),
	ROW("command", "dir", PATH, "", 0, 0, NULL, "dir", 0, "DIR", "Output", AIOS_CMD_DRIVER,
	    "Folder that 'driver new' makes; empty: one named as the driver."),
	ROW("command", "load", BOOL, "false", 0, 0, NULL, "load", 0, NULL, "Input", AIOS_CMD_DRIVER,
	    "'driver lint' also loads the file and probes it, in a process of its own."),
	ROW("command", "show_origin", BOOL, "false", 0, 0, NULL, "show-origin", 0, NULL, "Output",
	    AIOS_CMD_CONFIG, "Say where each value comes from."),
	ROW("command", "against", STRING, "cpu-ref", 0, 0, NULL, "against", 0, "DRIVER", "Conformance",
	    AIOS_CMD_CONFORM | AIOS_CMD_BISECT | AIOS_CMD_REPLAY,
	    "Driver that is right: a name, or a file when it has a '/'."),
	ROW("command", "capsule", PATH, "", 0, 0, NULL, "capsule", 0, "DIR", "Output", AIOS_CMD_BISECT,
	    "Keep the launch that differs in this folder, for 'aios replay'."),
	ROW("command", "level", INT, "5", 0, 5, NULL, "level", 0, "N", "Conformance", AIOS_CMD_CONFORM,
	    "Highest level: 0 load, 1 memory and queues, 2 ops, 3 compositions, 4 invariance, 5 stress."),
	ROW("command", "quick", BOOL, "false", 0, 0, NULL, "quick", 0, NULL, "Conformance",
	    AIOS_CMD_CONFORM, "Run a fixed part of the cases, in under a minute."),
	ROW("command", "case", STRING, "", 0, 0, NULL, "case", 0, "ID", "Conformance", AIOS_CMD_CONFORM,
	    "Run one case alone, as a failure names it."),
	ROW("command", "filter", STRING, "", 0, 0, NULL, "filter", 0, "GLOB", "Conformance",
	    AIOS_CMD_CONFORM, "Run the cases whose id matches, such as 'l2/matmul/*'."),
	ROW("command", "profile", STRING, "", 0, 0, NULL, "profile", 0, "NAME", "Conformance",
	    AIOS_CMD_CONFORM, "Only this numerics profile; empty: every one that the driver declares."),
	ROW("command", "report", PATH, "", 0, 0, NULL, "report", 0, "FILE", "Conformance",
	    AIOS_CMD_CONFORM, "Write a report: .json, .xml (JUnit) or .html; may be repeated."),
	ROW("command", "digests", PATH, "", 0, 0, NULL, "digests", 0, "FILE", "Conformance",
	    AIOS_CMD_CONFORM, "Compare the outputs' digests with this file, or write it when it does not exist."),
	ROW("command", "certificate", PATH, "", 0, 0, NULL, "certificate", 0, "FILE", "Conformance",
	    AIOS_CMD_CONFORM, "Write a certificate when all cases passed."),
	ROW("command", "expect", PATH, "", 0, 0, NULL, "expect", 0, "FILE", "Conformance",
	    AIOS_CMD_CONFORM, "Expected failures: lines of a pattern, the date it expires, and a reason."),
	ROW("command", "list", BOOL, "false", 0, 0, NULL, "list", 0, NULL, "Conformance",
	    AIOS_CMD_CONFORM, "Print the ids of the cases and run none."),
	ROW("command", "config", PATH, "", 0, 0, NULL, "config", 0, "FILE", "Configuration", ALL,
	    "Read this ini file instead of looking for one."),
	ROW("command", "no_config", BOOL, "false", 0, 0, NULL, "no-config", 0, NULL, "Configuration", ALL,
	    "Read no ini file."),
	ROW("command", "set", STRING, "", 0, 0, NULL, "set", 0, "SECTION.KEY=VALUE", "Configuration", ALL,
	    "Set any key of the ini file; may be repeated."),
	ROW("command", "help", BOOL, "false", 0, 0, NULL, "help", 'h', NULL, "Configuration", ALL,
	    "Explain the command and its options."),
	ROW("command", "version", BOOL, "false", 0, 0, NULL, "version", 'V', NULL, "Configuration", ALL,
	    "Print the version."),
};
/* clang-format on */

const size_t config_n_core_options = sizeof(config_core_options) / sizeof(config_core_options[0]);
