// An emulated pktmon for tests: the commands, the refusals and the words of the real one as Microsoft's pages tell them
// ("pktmon start", "pktmon filter add", "pktmon etl2pcap"), with packets of its own making. Its log is no real ETL.
//
// State lies beside the program: state.json, and behaviour.json, by which a test says what is to go wrong.
package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const tick = 10 * time.Millisecond

var home string

func main() {
	program, err := os.Executable()
	check(err)
	home = filepath.Dir(program)
	args := os.Args[1:]
	if len(args) == 2 && args[0] == "record" {
		id, _ := strconv.ParseInt(args[1], 10, 64)
		record(id)
		return
	}
	now := load()
	now.Commands = append(now.Commands, strings.Join(args, " "))
	save(now)
	wanted := wishes()
	name := strings.Join(args[:min(len(args), 2)], " ")
	for _, one := range []string{name, strings.Split(name, " ")[0]} {
		if words, fails := wanted.Fail[one]; fails {
			refuse("%s", words)
		}
	}
	switch {
	case name == "filter list":
		listFilters(now)
	case name == "filter add":
		addFilter(now, args[2:])
	case name == "filter remove":
		now.Filters = nil
		save(now)
		fmt.Println("Removed all filters.")
	case name == "status":
		status(now)
	case name == "stop":
		stop(now, wanted)
	case strings.HasPrefix(name, "start"):
		start(now, args[1:], wanted)
	case strings.HasPrefix(name, "counters"):
		counters(args[1:], wanted)
	case strings.HasPrefix(name, "etl2pcap"):
		convert(args[1:])
	default:
		refuse("Unknown command '%s'. See pktmon help.", name)
	}
}

// What the page "pktmon counters" has: the types of counters, the directions, the last reason of drops, which --json implies.
func counters(args []string, wanted behaviour) {
	kind, asJSON := "all", false
	for at := 0; at < len(args); at++ {
		switch {
		case args[at] == "--json":
			asJSON = true
		case (args[at] == "-t" || args[at] == "--type") && at+1 < len(args):
			at++
			kind = args[at]
		default:
			refuse("Unknown parameter '%s'.", args[at])
		}
	}
	if !asJSON || !slices.Contains([]string{"all", "flow", "drop"}, kind) {
		refuse("Invalid counter type '%s', or no --json.", kind)
	}
	var shown []string
	if kind != "drop" {
		shown = append(shown, `{"Type":"Upper","Inbound":{"Packets":40,"Bytes":4000},"Outbound":{"Packets":44,"Bytes":4400}}`)
	}
	if kind != "flow" && wanted.Dropped > 0 {
		shown = append(shown, fmt.Sprintf(`{"Type":"Drop","Inbound":{"Packets":%d,"Bytes":%d,"DropReason":"INET: transport endpoint was not found"},`+
			`"Outbound":{"Packets":1,"Bytes":60,"DropReason":"MTU Mismatch"}}`, wanted.Dropped-1, 60*(wanted.Dropped-1)))
	}
	fmt.Printf(`[{"Group":"Ethernet","Components":[{"Id":1,"Name":"vNIC","Counters":[%s]}]}]`+"\n", strings.Join(shown, ","))
}

func listFilters(now state) {
	fmt.Println("Packet Filters:")
	if len(now.Filters) == 0 {
		fmt.Println("    None")
		return
	}
	fmt.Println("     # Name       IP Address  Port\n     - ----       ----------  ----")
	for at, one := range now.Filters {
		fmt.Printf("     %d %s %v %v\n", at+1, one.Name, one.IPs, one.Ports)
	}
}

func addFilter(now state, args []string) {
	made := filter{Name: "<empty>"}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		made.Name, args = args[0], args[1:]
	}
	for len(args) > 0 {
		option := args[0]
		values := args[1:]
		if next := slices.IndexFunc(values, func(one string) bool { return strings.HasPrefix(one, "-") }); next >= 0 {
			values = values[:next]
		}
		args = args[1+len(values):]
		switch option {
		case "-i", "--ip", "--ip-address":
			one(values, option, 2)
			for _, text := range values {
				if _, single := netip.ParseAddr(text); single != nil {
					if _, net := netip.ParsePrefix(text); net != nil {
						refuse("Invalid IP address '%s'.", text)
					}
				}
			}
			made.IPs = values
		case "-p", "--port":
			one(values, option, 2)
			for _, text := range values {
				port, err := strconv.ParseUint(text, 10, 16)
				if err != nil || port == 0 {
					refuse("Invalid port '%s'.", text)
				}
				made.Ports = append(made.Ports, uint16(port))
			}
		case "-t", "--transport", "--transport-protocol", "--ip-protocol":
			one(values, option, 9)
			made.Protocol = values[0]
		default:
			refuse("Unknown parameter '%s'.", option)
		}
	}
	if made.IPs == nil && made.Ports == nil && made.Protocol == "" {
		refuse("A filter needs a parameter.")
	}
	if len(now.Filters) == 32 {
		refuse("Failed to add filter: at most 32 filters are supported.")
	}
	now.Filters = append(now.Filters, made)
	save(now)
	fmt.Println("Filter added.")
}

func one(values []string, option string, most int) {
	if len(values) == 0 || len(values) > most {
		refuse("Invalid number of values for '%s'.", option)
	}
}

func start(now state, args []string, wanted behaviour) {
	if now.Running {
		refuse("Packet Monitor is already started.")
	}
	now.File, now.SizeMB, now.Mode, now.PktSize = "PktMon.etl", 512, "circular", 128
	capture := false
	for at := 0; at < len(args); at++ {
		if args[at] == "-c" || args[at] == "--capture" {
			capture = true
			continue
		}
		if at+1 == len(args) {
			refuse("Missing value for '%s'.", args[at])
		}
		option, value := args[at], args[at+1]
		at++
		switch option {
		case "--pkt-size":
			now.PktSize = number(option, value, 0)
		case "-s", "--file-size":
			now.SizeMB = number(option, value, 1)
		case "-f", "--file-name":
			now.File = value
		case "-m", "--log-mode":
			if !slices.Contains([]string{"circular", "multi-file", "memory"}, value) {
				refuse("Invalid log mode '%s'.", value)
			}
			now.Mode = value
		default:
			refuse("Unknown parameter '%s'.", option)
		}
	}
	if !capture {
		refuse("Nothing to collect: --capture or --trace is needed.")
	}
	if _, err := os.Stat(filepath.Dir(now.File)); err != nil {
		refuse("Failed to start: the system cannot find the path specified.")
	}
	time.Sleep(time.Duration(wanted.StartMs) * time.Millisecond)
	now.Running, now.ID = true, time.Now().UnixNano()
	save(now)
	program, _ := os.Executable()
	recorder := exec.Command(program, "record", strconv.FormatInt(now.ID, 10))
	check(recorder.Start())
	fmt.Printf("Logger Parameters:\n    Logger name:        PktMon\n    Log file:           %s\n", now.File)
}

func number(option, value string, least int) int {
	found, err := strconv.Atoi(value)
	if err != nil || found < least {
		refuse("Invalid value '%s' for '%s'.", value, option)
	}
	return found
}

func status(now state) {
	if !now.Running {
		fmt.Println("Packet Monitor is not running.")
		return
	}
	fmt.Println("Collected Data:\n    Packet counters, packet capture\n\nLogger Parameters:\n    Logger name:        PktMon")
	fmt.Printf("    Logging mode:       %s\n    Log file:           %s\n    Max file size:      %d MB\n", now.Mode, now.File, now.SizeMB)
}

func stop(now state, wanted behaviour) {
	if !now.Running {
		refuse("Packet Monitor is not running.")
	}
	now.Running = false
	save(now)
	for range 500 {
		if _, err := os.Stat(done(now.ID)); err == nil {
			break
		}
		time.Sleep(tick)
	}
	lost := "No events lost"
	if wanted.Lost > 0 {
		lost = fmt.Sprintf("%d events lost", wanted.Lost)
	}
	fmt.Printf("Flushing logs...\nMerging metadata...\nLog file: %s (%s)\n", now.File, lost)
}
