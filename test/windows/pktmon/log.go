package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func done(id int64) string { return filepath.Join(home, fmt.Sprintf("recorded-%d", id)) }

// Writes packets until its session is no longer there, or the test has gone.
func record(id int64) {
	now, wanted := load(), wishes()
	limit := now.SizeMB << 20
	var log []byte
	written, files, count := 0, 0, 0
	name := func() string {
		if now.Mode != "multi-file" {
			return now.File
		}
		return strings.TrimSuffix(now.File, ".etl") + strconv.Itoa(files+1) + ".etl"
	}
	flush := func() {
		flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
		if now.Mode != "multi-file" {
			flags, written = os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0
		}
		file, err := os.OpenFile(name(), flags, 0o600)
		if err != nil {
			check(os.WriteFile(done(id), []byte(err.Error()), 0o600))
			check(err)
		}
		_, err = file.Write(log[written:])
		check(err)
		check(file.Close())
		written = len(log)
	}
	for {
		current := load()
		for range max(1, wanted.PerTick) {
			for _, one := range wanted.Flows {
				if !passes(one, now.Filters) {
					continue
				}
				frame := packet(one, count, max(8, wanted.Payload))
				count++
				log = append(log, entry(frame, now.PktSize)...)
				if len(log) > limit && now.Mode == "multi-file" {
					flush()
					files, log, written = files+1, nil, 0
				}
			}
		}
		for len(log) > limit {
			log = log[16+binary.LittleEndian.Uint32(log):]
		}
		flush()
		if !current.Running || current.ID != id {
			break
		}
		time.Sleep(tick)
	}
	check(os.WriteFile(done(id), nil, 0o600))
}

// A packet must match all conditions of at least one filter; no filter lets everything pass.
func passes(one flow, filters []filter) bool {
	if len(filters) == 0 {
		return true
	}
	return slices.ContainsFunc(filters, func(given filter) bool {
		addresses := !slices.ContainsFunc(given.IPs, func(ip string) bool { return !within(ip, one.From) && !within(ip, one.To) })
		ports := !slices.ContainsFunc(given.Ports, func(port uint16) bool { return port != one.FromPort && port != one.ToPort })
		return addresses && ports
	})
}

func within(network, address string) bool {
	if !strings.Contains(network, "/") {
		return network == address
	}
	return netip.MustParsePrefix(network).Contains(netip.MustParseAddr(address))
}

func packet(one flow, count, payload int) []byte {
	frame := make([]byte, 14, 42+payload)
	copy(frame, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0})
	from, to := netip.MustParseAddr(one.From).As4(), netip.MustParseAddr(one.To).As4()
	frame = append(frame, 0x45, 0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(28+payload))
	frame = append(frame, 0, 0, 0, 0, 64, 17, 0, 0)
	frame = append(append(frame, from[:]...), to[:]...)
	frame = binary.BigEndian.AppendUint16(frame, one.FromPort)
	frame = binary.BigEndian.AppendUint16(frame, one.ToPort)
	frame = binary.BigEndian.AppendUint16(frame, uint16(8+payload))
	frame = append(frame, 0, 0)
	frame = append(frame, fmt.Sprintf("%08d", count)...)
	return append(frame, make([]byte, payload-8)...)
}

// The length that is kept, the packet's length, its time, its bytes.
func entry(frame []byte, size int) []byte {
	kept := frame
	if size > 0 && size < len(frame) {
		kept = frame[:size]
	}
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(kept)))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(frame)))
	head = binary.LittleEndian.AppendUint64(head, uint64(time.Now().UnixMicro()))
	return append(head, kept...)
}

func convert(args []string) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		refuse("Missing input file.")
	}
	out := strings.TrimSuffix(args[0], ".etl") + ".pcapng"
	switch {
	case len(args) == 3 && (args[1] == "--out" || args[1] == "-o"):
		out = args[2]
	case len(args) != 1:
		refuse("Unknown parameter '%s'.", args[1])
	}
	log, err := os.ReadFile(args[0])
	if err != nil {
		refuse("Failed to open '%s': the system cannot find the file specified.", args[0])
	}
	file := block(0x0a0d0d0a, []byte{0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255})
	file = append(file, block(1, []byte{1, 0, 0, 0, 0, 0, 4, 0})...)
	count := 0
	for ; len(log) > 0; count++ {
		kept := binary.LittleEndian.Uint32(log)
		at := binary.LittleEndian.Uint64(log[8:])
		body := binary.LittleEndian.AppendUint32(nil, 0)
		body = binary.LittleEndian.AppendUint32(body, uint32(at>>32))
		body = binary.LittleEndian.AppendUint32(body, uint32(at))
		body = append(append(body, log[:8]...), log[16:16+kept]...)
		file = append(file, block(6, append(body, make([]byte, (4-len(body)%4)%4)...))...)
		log = log[16+kept:]
	}
	check(os.WriteFile(out, file, 0o600))
	fmt.Printf("Processing...\n\nPackets total:       %d\nPacket drop count:   0\nPackets formatted:   %d\nFormatted file:      %s\n", count, count, out)
}

func block(kind uint32, body []byte) []byte {
	length := uint32(12 + len(body))
	made := binary.LittleEndian.AppendUint32(nil, kind)
	made = append(binary.LittleEndian.AppendUint32(made, length), body...)
	return binary.LittleEndian.AppendUint32(made, length)
}
