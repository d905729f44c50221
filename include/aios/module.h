/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module.h - what a driver or plugin is: metadata that the core reads as data
 * before any of the module's code runs, one exported symbol, one ops table.
 *
 *	static const struct aios_driver_ops ops = { .size = sizeof(ops), ... };
 *	AIOS_MODULE_INFO(license, "Apache-2.0");
 *	AIOS_MODULE_INFO(description, "does nothing, correctly");
 *	AIOS_DRIVER(null, "null", &ops, NULL, 0);
 *
 * The same source is built into the executable (AIOS_MODULE_BUILTIN defined by
 * the build) or into NAME.so; both go through the same registration.
 */
#ifndef AIOS_MODULE_H
#define AIOS_MODULE_H

#include <stdarg.h>
#include <stdint.h>

#include <aios/abi.h>
#include <aios/error.h>
#include <aios/log.h>
#include <aios/param.h>

enum aios_module_kind {
	AIOS_KIND_DRIVER = 1,    /* struct aios_driver_ops */
	AIOS_KIND_FORMAT = 2,    /* struct aios_format_ops */
	AIOS_KIND_MODEL = 3,     /* struct aios_model_ops */
	AIOS_KIND_TOKENIZER = 4, /* struct aios_tokenizer_ops */
	AIOS_KIND_SAMPLER = 5,   /* struct aios_sampler_ops */
	AIOS_KIND_HOOK = 6,      /* struct aios_hook_ops */
	AIOS_KIND_SCHEDULER = 7, /* struct aios_scheduler_ops */
	AIOS_KIND_CACHE = 8,     /* struct aios_cache_ops */
	AIOS_KIND_COUNT
};

/*
 * Services the core gives a module. Core-owned; `size` says how much of it this
 * core has. Valid from the call that receives it until the object opened by that
 * call is closed. Every function may be called from any thread.
 */
struct aios_host {
	uint32_t size;
	uint32_t abi_minor; /* of the running core */
	void *ctx;          /* the core's; pass it back */
	/* Log one line (no newline) under the module's name. */
	void (*log)(void *ctx, int level, const char *message);
	/* The value of the module's own parameter: checked, defaulted, never NULL
	 * for a name in the module's list; NULL for any other. Valid as long as the host. */
	const char *(*param)(void *ctx, const char *name);
};

/*
 * The module descriptor, the one exported symbol of a .so (`aios_module`).
 * `size` and the three ABI fields come from the macros below, never by hand.
 */
struct aios_module {
	uint32_t size;
	uint16_t abi_major, abi_minor;
	uint32_t abi_hash;
	uint32_t kind;                   /* enum aios_module_kind */
	const char *name;                /* unique within its kind: lower case, digits, '-' */
	const void *ops;                 /* the kind's table; its first member is uint32_t size */
	const struct aios_param *params; /* may be NULL */
	uint32_t n_params;
	uint32_t reserved;
};

#define AIOS_STR_(x) #x
#define AIOS_STR(x) AIOS_STR_(x)

#if defined(__SANITIZE_ADDRESS__)
#define AIOS_SANITIZER "address"
#elif defined(__SANITIZE_THREAD__)
#define AIOS_SANITIZER "thread"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AIOS_SANITIZER "address"
#elif __has_feature(thread_sanitizer)
#define AIOS_SANITIZER "thread"
#else
#define AIOS_SANITIZER "none"
#endif
#else
#define AIOS_SANITIZER "none"
#endif

/*
 * One "tag=value" string in the section .aios.modinfo, NUL-terminated. The core
 * reads the section with its own ELF reader before dlopen; of a built-in module the
 * build keeps it under the module's own section name. Tags (repeat where it
 * makes sense):
 *	name, kind, abi ("major.minor:hash"), sanitizer   emitted by AIOS_DRIVER/AIOS_PLUGIN
 *	license, description, author, version
 *	isa	"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64": the least
 *		machine this file's code runs on (checked with CPUID and the OS's saved state)
 *	needs	"libcuda.so.1": a library that must be loadable
 *	ctors	"allowed": the file has constructors on purpose (vendor fat binaries)
 *	alias	model: an architecture or model_type it serves (also probed by ops)
 */
#define AIOS_MODULE_INFO(tag, value) AIOS_MODULE_INFO_(tag, __LINE__, value)
#define AIOS_MODULE_INFO_(tag, line, value) AIOS_MODULE_INFO__(tag, line, value)
#define AIOS_MODULE_INFO__(tag, line, value)                                                       \
	static const char aios_modinfo_##tag##_##line[]                                            \
		__attribute__((section(".aios.modinfo"), used, aligned(1))) = #tag "=" value

#if defined(AIOS_MODULE_BUILTIN)
#define AIOS_MODULE_SYMBOL(ident) aios_module_##ident
#define AIOS_MODULE_EXPORT
#else
#define AIOS_MODULE_SYMBOL(ident) aios_module
#define AIOS_MODULE_EXPORT __attribute__((visibility("default")))
#endif

/* `ident` is the name as a C identifier ('-' becomes '_'): the build's list uses it. */
#define AIOS_MODULE_(ident, name_text, kind_text, kind_value, ops_ptr, params_ptr, params_n)       \
	AIOS_MODULE_INFO(name, name_text);                                                         \
	AIOS_MODULE_INFO(kind, kind_text);                                                         \
	AIOS_MODULE_INFO(abi, AIOS_STR(AIOS_ABI_MAJOR) "." AIOS_STR(AIOS_ABI_MINOR) ":" AIOS_STR(  \
				      AIOS_ABI_HASH));                                             \
	AIOS_MODULE_INFO(sanitizer, AIOS_SANITIZER);                                               \
	extern const struct aios_module AIOS_MODULE_SYMBOL(ident);                                 \
	AIOS_MODULE_EXPORT const struct aios_module AIOS_MODULE_SYMBOL(ident) = {                  \
		.size = sizeof(struct aios_module),                                                \
		.abi_major = AIOS_ABI_MAJOR,                                                       \
		.abi_minor = AIOS_ABI_MINOR,                                                       \
		.abi_hash = AIOS_ABI_HASH,                                                         \
		.kind = (kind_value),                                                              \
		.name = (name_text),                                                               \
		.ops = (ops_ptr),                                                                  \
		.params = (params_ptr),                                                            \
		.n_params = (params_n),                                                            \
		.reserved = 0,                                                                     \
	}

#define AIOS_DRIVER(ident, name, ops, params, n)                                                   \
	AIOS_MODULE_(ident, name, "driver", AIOS_KIND_DRIVER, ops, params, n)
#define AIOS_FORMAT(ident, name, ops, params, n)                                                   \
	AIOS_MODULE_(ident, name, "format", AIOS_KIND_FORMAT, ops, params, n)
#define AIOS_MODEL(ident, name, ops, params, n)                                                    \
	AIOS_MODULE_(ident, name, "model", AIOS_KIND_MODEL, ops, params, n)
#define AIOS_TOKENIZER(ident, name, ops, params, n)                                                \
	AIOS_MODULE_(ident, name, "tokenizer", AIOS_KIND_TOKENIZER, ops, params, n)
#define AIOS_SAMPLER(ident, name, ops, params, n)                                                  \
	AIOS_MODULE_(ident, name, "sampler", AIOS_KIND_SAMPLER, ops, params, n)
#define AIOS_HOOK(ident, name, ops, params, n)                                                     \
	AIOS_MODULE_(ident, name, "hook", AIOS_KIND_HOOK, ops, params, n)
#define AIOS_SCHEDULER(ident, name, ops, params, n)                                                \
	AIOS_MODULE_(ident, name, "scheduler", AIOS_KIND_SCHEDULER, ops, params, n)
#define AIOS_CACHE(ident, name, ops, params, n)                                                    \
	AIOS_MODULE_(ident, name, "cache", AIOS_KIND_CACHE, ops, params, n)

/* Log a formatted line through the host's table. */
static inline void aios_host_log(const struct aios_host *host, int level, const char *fmt, ...)
	AIOS_PRINTF(3, 4);

static inline void aios_host_log(const struct aios_host *host, int level, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	host->log(host->ctx, level, line);
}

#endif /* AIOS_MODULE_H */
