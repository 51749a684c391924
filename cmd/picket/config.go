package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"picket/sensor"
)

const defaultConfig = "/etc/picket/picket.yaml"

// loadConfig reads the file named by --config, or the default one when it is there, or nothing.
func loadConfig(cmd *cobra.Command) (*sensor.Config, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	if file != "" {
		return sensor.LoadConfig(file)
	}
	c, err := sensor.LoadConfig(defaultConfig)
	if errors.Is(err, os.ErrNotExist) {
		return sensor.Default(), nil
	}
	return c, err
}
