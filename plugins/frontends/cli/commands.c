/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - the table of commands. Help, manual pages and completions are made from it. */
#include <string.h>

#include "cli.h"

const struct command commands[] = {
	{
		.name = "run",
		.summary = "answer one prompt",
		.synopsis = "[run] -m DIR -p TEXT [OPTION ...]\n"
			    "[run] -m DIR --ids LIST [OPTION ...]\n"
			    "run -m DIR --batch FILE --out FILE [OPTION ...]",
		.details =
			"Loads a model, answers one prompt and writes the answer to standard "
			"output as it comes; a newline follows it. The prompt comes from -p, "
			"from a file (-f), from standard input, or as token ids (--ids); one "
			"newline at the end of a file or of standard input is not part of it. "
			"'run' is the command when none is named.\n\n"
			"The same prompt, options and seed give the same answer, bit for bit, "
			"on every device and with any number of threads; the default seed is 0.\n\n"
			"--json writes one object instead: text, ids, finish_reason (stop, "
			"length, cancelled), usage, numerics_id and timings, and logprobs when "
			"asked for. A model without a tokenizer answers in ids.\n\n"
			"--batch answers a file of requests, one JSON object a line: \"prompt\" or "
			"\"ids\", and if wanted \"id\", \"max_tokens\", \"seed\", \"temperature\", "
			"\"stop\" and the other options of sampling by their names in the ini "
			"file; what "
			"a line does not say is as the options say. --out gets an object for each "
			"line "
			"in the order in which they end: line, id, text, ids, finish_reason, "
			"usage, or "
			"error for a line that is no request. The same command goes on where a "
			"batch "
			"was stopped.\n\n"
			"Ctrl-C ends the answer, a second one the program.",
		.examples = "aios -m Qwen3-0.6B -p 'Once upon a time' -n 64\n"
			    "aios run -m Qwen3-0.6B -p 'The capital of France is' --temp 0 --json\n"
			    "aios run -m Qwen3-0.6B --stop 'The end' <prompt.txt\n"
			    "aios run -m Qwen3-0.6B --batch in.jsonl --out out.jsonl",
		.bit = AIOS_CMD_RUN,
		.run = run_main,
	},
	{
		.name = "devices",
		.summary = "list the devices that drivers found",
		.synopsis = "devices [--driver LIST] [--json]",
		.details = "Each device with its driver, stable id, name, memory and the numerics "
			   "profiles it computes ('*': the fastest exact one), best score first: "
			   "the first one is used when --driver and --device do not say otherwise. "
			   "--json has the scores and their reasons too.",
		.examples = "aios devices\naios devices --driver cpu-ref --json",
		.bit = AIOS_CMD_DEVICES,
		.run = devices_main,
	},
	{
		.name = "driver",
		.summary = "list, show, begin and examine drivers",
		.synopsis = "driver list [--why] [--json]\ndriver show NAME [--json]\n"
			    "driver new NAME [--dir DIR]\n"
			    "driver lint FILE.so [--load] [--json]",
		.details =
			"'list' prints the drivers that can be used, the hooks that --hook may "
			"put over one, and where they lie; with --why also where drivers were "
			"looked for and what became of each candidate. 'show' loads one and "
			"prints what it says of itself, its parameters with their values, and "
			"its devices.\n\n"
			"'new' makes a folder with a small driver that builds, to begin one's own "
			"with. 'lint' says what the loader would say of a driver's or plugin's "
			"file, all of it at once, and more: what it exports and imports, what "
			"stays writable, how it was linked. With --load it is also loaded and "
			"probed, in a process of its own with the time limit --probe-timeout. It "
			"exits with 1 when the file is refused.",
		.examples = "aios driver list --why\naios driver show cpu-ref\n"
			    "aios driver new foo\naios driver lint --load ./foo.so",
		.operands = "list show new lint",
		.bit = AIOS_CMD_DRIVER,
		.max_args = 2,
		.run = driver_main,
	},
	{
		.name = "conform",
		.summary = "prove a driver against the reference",
		.synopsis = "conform --driver DRIVER [--level N] [--quick] [--report FILE ...]\n"
			    "conform --driver DRIVER --case ID [--seed N]\n"
			    "conform --driver DRIVER --list",
		.details =
			"Runs generated cases on a driver (a name, or a file with a '/') and on a "
			"reference, and compares every element of every output on bits. Level 0 is "
			"load and lifecycle, 1 memory and queues, 2 every op in every numerics "
			"profile, 3 whole layers and models, 4 invariance (batches, chunks, pages, "
			"graphs, queues), 5 stress. Cases depend on --seed and on their names "
			"alone.\n\n"
			"A failure prints the command that repeats it, the first element that "
			"differs with both bit patterns, and the smallest shape that still fails. "
			"--report writes JSON, JUnit XML or HTML; --digests compares with a file "
			"made on another machine; --certificate is written when all passed.\n\n"
			"Exits with 1 when a case failed.",
		.examples =
			"aios conform --driver ./foo.so --quick\n"
			"aios conform --driver cuda --report report.html --certificate cuda.json\n"
			"aios conform --driver ./foo.so --filter 'l2/matmul/*'",
		.bit = AIOS_CMD_CONFORM,
		.run = conform_main,
	},
	{
		.name = "bench",
		.summary = "measure ops and models, beside what the device can do",
		.synopsis = "bench --shape NAME|-m DIR [--pp LIST] [--tg LIST] [--batch LIST] "
			    "[--depth LIST]\n"
			    "bench offline --shape NAME|-m DIR [--requests N] [--shared N]\n"
			    "bench start --shape NAME|-m DIR [--repeat N]\n"
			    "bench --op OP [--m LIST] [--n N] [--k N] [OPTION ...]\n"
			    "bench --op OP|all --shape NAME|-m DIR [--m LIST] [OPTION ...]",
		.details =
			"With a model: pp512 is the processing of a prompt of 512 tokens, tg128 "
			"the "
			"generation of 128 tokens for each sequence of the batch after a prompt of "
			"--depth tokens, both through the calls that every front end makes. "
			"--shape takes a known model's shape with random weights and needs no "
			"files. 'offline' runs many requests of mixed lengths that are all there "
			"at once; 'start' measures the time from the start of the program to the "
			"first token.\n\n"
			"--op runs one op through the driver as the engine would: weights in the "
			"driver's layout, random operands that take turns so that no cache holds "
			"them, launches from a captured graph, timed by the device's clock, the "
			"median of several samples. With a model it runs every op of one pass of "
			"it, of the name given or all, and adds up.\n\n"
			"The share is that of the limit: the longer of the op's bytes at the "
			"device's memory rate and its operations at its matmul rate, both measured "
			"in the same run by what the driver itself does best (--read-rate and "
			"--matmul-rate put better knowledge in their place).\n\n"
			"The output is a Markdown table; --csv and --json are for programs.",
		.examples = "aios bench --shape qwen3-8b --pp 512,64x128 --tg 128 --batch 1,8,64\n"
			    "aios bench offline --shape qwen3-0.6b --json\n"
			    "aios bench --driver cuda --op matmul --m 1,64 --n 4096 --k 4096\n"
			    "aios bench --op attention --seqs 64 --kv 4096 --profile fma32\n"
			    "aios bench --op all --shape qwen3-8b --m 1,64 --json",
		.operands = "offline start",
		.bit = AIOS_CMD_BENCH,
		.max_args = 1,
		.run = bench_main,
	},
	{
		.name = "bisect",
		.summary = "name the first bit in which two drivers differ",
		.synopsis = "bisect --driver A --against B -m DIR -p TEXT [-n N] [--capsule DIR] "
			    "[--json]",
		.details =
			"Runs a model on driver A and every op of it on driver B as well, and "
			"names "
			"the first layer, op, element and bit that differ, or says that none did. "
			"-n is the number of new tokens (16 when it is not given). --capsule keeps "
			"the launch that differs as a file for 'aios replay'. Exits with 1 when "
			"something differs.",
		.examples = "aios bisect --driver cuda --against cpu-ref -m Qwen3-0.6B -p 'Once'",
		.bit = AIOS_CMD_BISECT,
		.run = bisect_main,
	},
	{
		.name = "replay",
		.summary = "run recorded launches on a driver and compare",
		.synopsis = "replay FILE --driver D [--against B] [--json]",
		.details =
			"Runs the launches of a file that '--hook record:FILE', '--hook shadow' or "
			"'aios bisect --capsule' wrote, and compares the outputs with the file's. "
			"A "
			"file may hold outputs as digests only, which tell that an operand "
			"differs; "
			"with --against each launch is also run on that driver and compared "
			"element "
			"by element. Exits with 1 when something differs.",
		.examples = "aios run -m Qwen3-0.6B -p 'Once' --hook record:once.aios-replay\n"
			    "aios replay once.aios-replay --driver cuda --against cpu-ref",
		.bit = AIOS_CMD_REPLAY,
		.max_args = 1,
		.run = replay_main,
	},
	{
		.name = "simulate",
		.summary = "compare schedulers on many requests, without a device",
		.synopsis = "simulate [--trace FILE | --generate KIND] [--policy LIST] [--json | "
			    "--csv]",
		.details =
			"Runs the scheduler plugins against a cost model: a step takes as long as "
			"its "
			"rows, the keys that its sequences have and the weights say (--cost), so a "
			"million requests take seconds. Prints output tokens a second, the time to "
			"the first token (TTFT) and between tokens (ITL), Jain's fairness index, "
			"preemptions and the device time wasted on them, and for each tenant its "
			"share of the device while it waited and that share relative to its "
			"due.\n\n"
			"Kinds of requests: poisson; bursty; prefixes (64 shared beginnings); "
			"long-tail "
			"(lengths); flood (tenant 0 sends two thirds); classes (tenant 0 is short "
			"and in "
			"a hurry, the others are long). A trace has the columns arrival (seconds), "
			"prompt "
			"and output (tokens), and may have tenant, priority, deadline (seconds "
			"after "
			"the arrival), prefix (a number) and prefix_tokens.\n\n"
			"The same requests and options give the same figures, US/STEP apart, which "
			"is "
			"the policy's own time on this machine.",
		.examples = "aios simulate --generate flood --demand 2 --policy fcfs,fair\n"
			    "aios simulate --trace day.csv --policy all --csv",
		.bit = AIOS_CMD_SIMULATE,
		.run = simulate_main,
	},
	{
		.name = "plan",
		.summary = "say what running a model takes",
		.synopsis = "plan -m DIR [--json]",
		.details = "Computes the memory that a model needs on the chosen device before "
			   "anything is allocated: weights, KV cache, activations, and how many "
			   "sequences fit at once. Exits with 1 when it does not fit.",
		.examples = "aios plan -m Qwen3-8B --driver cuda --context-length 32768",
		.bit = AIOS_CMD_PLAN,
		.run = plan_main,
	},
	{
		.name = "tokenize",
		.summary = "turn text into token ids",
		.synopsis = "tokenize -m DIR|FILE [-p TEXT | -f FILE] [--no-special] [--json]\n"
			    "tokenize -m DIR|FILE --jsonl",
		.details = "Prints the ids of a text on one line, separated by spaces. -m names a "
			   "model's folder or a tokenizer.json. The text is taken as it is, byte "
			   "for byte, also from standard input; --no-special leaves out the tokens "
			   "that the model expects around a text, such as <bos>.\n\n"
			   "--jsonl reads one JSON string a line and writes one {\"ids\":[...]} a "
			   "line.",
		.examples = "aios tokenize -m Qwen3-0.6B -p 'Hello world'\n"
			    "aios tokenize -m tokenizer.json --no-special <book.txt",
		.bit = AIOS_CMD_TOKENIZE,
		.run = tokenize_main,
	},
	{
		.name = "detokenize",
		.summary = "turn token ids into text",
		.synopsis =
			"detokenize -m DIR|FILE [--skip-special] [--json] [--ids LIST | ID ...]\n"
			"detokenize -m DIR|FILE [--skip-special] --jsonl",
		.details = "Prints the text of token ids and a newline. Ids are separated by "
			   "commas or white space and come from --ids, from the words of the "
			   "command line, or from standard input.\n\n"
			   "--jsonl reads one array of ids a line, or an object with a key 'ids', "
			   "and writes one {\"text\":...} a line.",
		.examples = "aios detokenize -m Qwen3-0.6B --ids 9707,1879\n"
			    "aios tokenize -m Qwen3-0.6B -p Hello | aios detokenize -m Qwen3-0.6B",
		.bit = AIOS_CMD_DETOKENIZE,
		.max_args = UINT32_MAX,
		.run = detokenize_main,
	},
	{
		.name = "logits",
		.summary = "write a model's logits to a file",
		.synopsis = "logits -m DIR --ids LIST --out FILE.npy\n"
			    "logits -m DIR -p TEXT --out FILE.npy",
		.details = "Computes the logits after every position of the input and writes them "
			   "as float32 [positions, vocabulary] in NumPy's format. The file appears "
			   "complete or not at all.",
		.examples = "aios logits -m Qwen3-0.6B --ids 5,17,9 --out logits.npy",
		.bit = AIOS_CMD_LOGITS,
		.max_args = UINT32_MAX,
		.run = logits_main,
	},
	{
		.name = "config",
		.summary = "print the configuration in force",
		.synopsis = "config [--show-origin] [--json] [SECTION | SECTION.KEY]",
		.details = "Prints every option with its value as an ini file that aios reads "
			   "back. --show-origin says where each value comes from: the command "
			   "line, the environment, a line of an ini file, or the default, in that "
			   "order of precedence. With SECTION.KEY only that value is printed.",
		.examples = "aios config --show-origin\naios config engine.page_size",
		.bit = AIOS_CMD_CONFIG,
		.max_args = 1,
		.run = config_main,
	},
	{
		.name = "doctor",
		.summary = "check the installation and the machine",
		.synopsis = "doctor [--json]",
		.details = "Checks the configuration, the modules, the drivers and their devices, "
			   "memory and limits, and computes a short answer with the demo model (or "
			   "the one of -m) to see that all of it works together. Every warning and "
			   "failure comes with what to do about it. Exits with 1 when a check "
			   "fails.",
		.examples = "aios doctor\naios doctor --driver cpu-ref --json",
		.bit = AIOS_CMD_DOCTOR,
		.needs = CLI_TRIES_CONFIG,
		.run = doctor_main,
	},
	{
		.name = "version",
		.summary = "print the version",
		.synopsis = "version [--json]",
		.details = "Prints the version of aios and that of its module ABI.",
		.needs = CLI_NEEDS_NOTHING,
		.run = version_main,
	},
	{
		.name = "help",
		.summary = "explain a command or a group of options",
		.synopsis = "help [COMMAND | GROUP]",
		.details = "Without a word: the list of commands. With a command: its use and its "
			   "options. With a group of options (such as 'sampling'): all of them.",
		.examples = "aios help run\naios help sampling",
		.needs = CLI_NEEDS_NOTHING,
		.max_args = 1,
		.run = help_main,
	},
	{
		.name = "completion",
		.summary = "print a shell's completion script",
		.synopsis = "completion bash|zsh|fish",
		.details = "Prints a script that completes commands, options and their values.",
		.examples =
			"aios completion bash >~/.local/share/bash-completion/completions/aios\n"
			"aios completion zsh >~/.zfunc/_aios\n"
			"aios completion fish >~/.config/fish/completions/aios.fish",
		.operands = "bash zsh fish",
		.needs = CLI_NEEDS_NOTHING,
		.max_args = 1,
		.run = completion_main,
	},
	{
		.name = "scdoc",
		.summary = "print a command's part of the manual page",
		.synopsis = "scdoc [COMMAND]",
		.details = "Used when the manual is built.",
		.needs = CLI_NEEDS_NOTHING,
		.max_args = 1,
		.hidden = true,
		.run = scdoc_main,
	},
};

const size_t n_commands = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}
