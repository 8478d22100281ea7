//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package dirlock

import (
	"errors"
	"os"
	"syscall"
)

func hold(file *os.File) error { return lock(file, syscall.LOCK_EX) }

func share(file *os.File) error { return lock(file, syscall.LOCK_SH) }

func lock(file *os.File, how int) error {
	err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrTaken
	}
	return err
}

func letGo(file *os.File) (err error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	fault := conn.Control(func(fd uintptr) { err = syscall.Flock(int(fd), syscall.LOCK_UN) })
	return errors.Join(fault, err)
}
