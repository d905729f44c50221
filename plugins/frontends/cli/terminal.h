/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.h - standard error as people see it: log lines, a progress bar while a
 * model is loaded, the footer after an answer. Nothing here writes to standard
 * output. Colour and the bar appear only on a terminal; NO_COLOR and TERM=dumb turn
 * colour off; the options color and progress have the last word.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <aios/aios.h>

enum style {
	STYLE_DIM,
	STYLE_BOLD,
	STYLE_RED,
	STYLE_YELLOW,
	STYLE_GREEN
};

/* Standard error. One per process; its functions may be called from any thread. */
struct terminal {
	pthread_mutex_t lock; /* protects what follows */
	bool color;
	bool bar;       /* draw a bar while loading */
	bool talk;      /* statistics are wanted */
	int level;      /* enum aios_log_level: what is worth a line */
	bool bar_shown; /* a bar without newline stands on the last line */
	char bar_title[64];
	uint64_t bar_began, bar_drawn, bar_told; /* ns */
};

void terminal_init(struct terminal *t);

/* What the options color, progress ("auto", "always", "never") and log_level say. */
void terminal_configure(struct terminal *t, const char *color, const char *progress,
			const char *level);

/* Columns of the terminal on `fd`; 80 when it is none or does not say. */
unsigned terminal_columns(int fd);

/* May text on `fd` carry colours? */
bool terminal_has_color(int fd);

/* The escape sequences that begin and end a style; "" without colour. Static. */
const char *style_on(bool color, enum style style);
const char *style_off(bool color);

/* A log sink (aios_log_fn); ctx is the terminal. */
void terminal_log(void *ctx, int level, const char *module, const char *message);

/* Name what the next progress is about; then an aios_progress_fn with ctx the terminal. */
void terminal_progress_begin(struct terminal *t, const char *title);
void terminal_progress(void *ctx, uint64_t done, uint64_t total);
/* The same, with words of one's own beside the bar in place of bytes. */
void terminal_progress_facts(struct terminal *t, uint64_t done, uint64_t total, const char *facts);
void terminal_progress_end(struct terminal *t);

/* CLOCK_MONOTONIC in ns. */
uint64_t clock_ns(void);

#endif /* CLI_TERMINAL_H */
