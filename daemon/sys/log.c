#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#include "log.h"

#define LINE_SIZE 1024

static const char *const names[] = { "error", "warning", "info", "debug" };
static atomic_int most = HF_LOG_INFO;

void hf_log_set_level(enum hf_log_level level)
{
	atomic_store(&most, (int)level);
}

enum hf_err hf_log_parse_level(const char *text, enum hf_log_level *out_level)
{
	for (int i = HF_LOG_ERROR; i <= HF_LOG_DEBUG; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out_level = (enum hf_log_level)i;
			return HF_OK;
		}
	}
	return HF_E_MALFORMED;
}

static void clean(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void hf_log(enum hf_log_level level, const char *area, const char *event,
	    const char *format, ...)
{
	char line[LINE_SIZE], time[HF_CLOCK_TEXT_SIZE];
	ssize_t written;
	va_list args;
	int len;

	if ((int)level > atomic_load(&most))
		return;
	hf_clock_text(hf_clock_wall_ms(), time);
	len = snprintf(line, sizeof(line), "%s %-7s %s: %s ", time,
		       names[level], area, event);
	if (len < 0 || (size_t)len >= sizeof(line))
		return;
	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	clean(line);
	len = (int)strlen(line);
	while (len > 0 && line[len - 1] == ' ')
		len--;
	if ((size_t)len == sizeof(line) - 1)
		len--;
	line[len++] = '\n';
	written = write(STDERR_FILENO, line, (size_t)len);
	(void)written;
}

const char *hf_log_quote(const char *text, char *out_text, size_t size_bytes)
{
	snprintf(out_text, size_bytes, "%s", text != NULL ? text : "");
	clean(out_text);
	for (char *at = out_text; *at != '\0'; at++) {
		if (*at == '"' || *at == '\\')
			*at = '\'';
	}
	return out_text;
}
