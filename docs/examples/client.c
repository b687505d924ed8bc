/*
 * Drives a context of `ioasis serve --socket PATH`, without any library:
 *
 *	cc -Wall -Wextra -o client client.c && ./client PATH CONTEXT
 *
 * One JSON object a line out, one in. An answer comes once its events are durable.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Sends one line and waits for its answer; the answer stays valid until the next call. */
static const char *ask(FILE *in, int fd, const char *format, ...)
{
	static char line[LINE_MAX_BYTES];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (length < 0 || length >= (int)sizeof(line) - 1) {
		fprintf(stderr, "the command is too long\n");
		exit(1);
	}
	line[length++] = '\n';
	for (int sent = 0; sent < length;) {
		ssize_t n = write(fd, line + sent, length - sent);

		if (n < 0)
			die("write");
		sent += n;
	}
	if (!fgets(line, sizeof(line), in)) {
		fprintf(stderr, "the service ended the conversation\n");
		exit(1);
	}
	if (!strncmp(line, "{\"error\"", 8)) {
		fputs(line, stderr);
		exit(1);
	}
	return line;
}

/* Enough for a demonstration: a VMM has a JSON parser. */
static void tell(const char *what, const char *answer)
{
	const char *version = strstr(answer, "\"version\":");
	const char *failed = strstr(answer, "\"errno\":\"");
	int length = failed ? (int)strcspn(failed + 9, "\"") : 4;

	printf("%s: version %ld, %.*s\n", what, version ? atol(version + 10) : -1L, length,
	       failed ? failed + 9 : "done");
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *page = "\"ioas\":\"ioas0\",\"iova\":\"0x10000\",\"length\":\"0x1000\"";
	const char *map = "{\"command\":\"MapIova\",\"prot\":\"rw\",\"userVa\":\"0x7f0000000000\",%s}";
	FILE *in;
	int fd;

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		fprintf(stderr, "usage: %s PATH CONTEXT\n", argv[0]);
		return 2;
	}
	strcpy(address.sun_path, argv[1]);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die(argv[1]);
	in = fdopen(dup(fd), "r");
	if (!in)
		die("fdopen");

	ask(in, fd, "{\"context\":\"%s\",\"actor\":\"client.c\",\"create\":{\"profile\":\"iommufd\"}}", argv[2]);
	ask(in, fd, "{\"command\":\"AllocIoas\"}");
	tell("mapped", ask(in, fd, map, page));
	tell("mapped again", ask(in, fd, map, page));
	tell("unmapped", ask(in, fd, "{\"command\":\"UnmapIova\",%s}", page));
	return 0;
}
