package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gokavro/gokavro/codecs/avro"
)

const fileName = "users.avro"

// writeFile writes all users to an object container file in dir.
func writeFile(dir string, all []User) (err error) {
	schema, err := avro.ParseSchema(userSchema)
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, fileName))
	if err != nil {
		return fmt.Errorf("users: making the file: %w: choose another -dir", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	writer, err := avro.NewFileWriter(file, schema, avro.Deflate)
	if err != nil {
		return err
	}
	for _, user := range all {
		if err := writer.Write(user); err != nil {
			return err
		}
	}
	return writer.Close()
}

// readFile reads them back; the file brings its schema along.
func readFile(dir string) (all []User, err error) {
	file, err := os.Open(filepath.Join(dir, fileName))
	if err != nil {
		return nil, fmt.Errorf("users: reading the file back: %w", err)
	}
	defer file.Close()
	reader, err := avro.NewFileReader(file, nil)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	for {
		var user User
		switch err := reader.Read(&user); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, user)
	}
}
