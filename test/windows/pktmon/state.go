package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

type filter struct {
	Name     string
	IPs      []string
	Ports    []uint16
	Protocol string
}

type state struct {
	Filters  []filter
	Running  bool
	ID       int64
	File     string
	SizeMB   int
	Mode     string
	PktSize  int
	Commands []string
}

// What a test asks for; a text in Fail is what the command of that name says while it fails.
type behaviour struct {
	Fail    map[string]string
	Lost    int
	Dropped int
	Flows   []flow
	Payload int
	PerTick int
	// Milliseconds that a start takes.
	StartMs int
}

type flow struct {
	From, To         string
	FromPort, ToPort uint16
}

func wishes() behaviour {
	wanted := behaviour{Flows: []flow{{"10.0.0.1", "10.0.0.2", 4000, 53}}}
	if text, err := os.ReadFile(filepath.Join(home, "behaviour.json")); err == nil {
		check(json.Unmarshal(text, &wanted))
	}
	return wanted
}

// A file that is being replaced may be away, or locked, for a moment.
func load() state {
	for range 100 {
		var found state
		text, err := os.ReadFile(filepath.Join(home, "state.json"))
		if os.IsNotExist(err) {
			return found
		}
		if err == nil && json.Unmarshal(text, &found) == nil {
			return found
		}
		time.Sleep(time.Millisecond)
	}
	return state{}
}

func save(now state) {
	text, _ := json.Marshal(now)
	part := filepath.Join(home, fmt.Sprintf("state-%d.part", os.Getpid()))
	check(os.WriteFile(part, text, 0o600))
	for range 100 {
		if os.Rename(part, filepath.Join(home, "state.json")) == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	refuse("the state cannot be kept")
}

func refuse(format string, values ...any) {
	fmt.Printf(format+"\n", values...)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		refuse("%v", err)
	}
}
