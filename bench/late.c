/*
 * The container's program for bench/health: after a random 0.2 to 1.5 s it listens on port 8000, prints the time at which it
 * does (CLOCK_MONOTONIC, nanoseconds), and answers every request. "late check" is 0 when it listens.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LEAST_MS 200
#define MOST_MS 1500

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void serve(int listener)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
	char request[4096];

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0 && read(fd, request, sizeof(request)) > 0 && write(fd, answer, sizeof(answer) - 1) < 0)
			perror("write");
		close(fd);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(8000) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct timespec pause;
	long ms;

	if (argc > 1 && strcmp(argv[1], "check") == 0) {
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0;
	}
	srand((unsigned)now_ns());
	ms = LEAST_MS + rand() % (MOST_MS - LEAST_MS);
	pause = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	nanosleep(&pause, NULL);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0) {
		perror("listen");
		return 1;
	}
	printf("listens %lld\n", now_ns());
	fflush(stdout);
	serve(fd);
}
