"""Work that is spread over processes or machines: tasks, the engines that run them, `nirx.map`."""
