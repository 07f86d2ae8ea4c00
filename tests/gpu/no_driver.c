/* A library that is none of what a CUDA driver is. */
int no_driver(void) { return 0; }
