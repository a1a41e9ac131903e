package runtime

// Lock takes the folder of a pipeline's checkpoints as a run does, and fails with class ErrConfig while one uses it.
func Lock(dir string) (unlock func(), err error) { return lockDir(dir) }
