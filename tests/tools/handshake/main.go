// Copyright: The trustanchor.private_ca authors
// SPDX-License-Identifier: GPL-3.0-or-later

// Command handshake sends a request to each HOST:PORT over a new TLS connection that Go verifies with the system's
// roots, and prints one line for each: the target, then "ok" or the error. It ends with 1 when one failed.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

const timeout = 10 * time.Second

func main() {
	// The first handshake of a process reads the roots; a new process reads them again.
	client := &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{DisableKeepAlives: true},
		// An answer is an answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	code := 0
	for _, target := range os.Args[1:] {
		said := shake(client, target)
		if said != "ok" {
			code = 1
		}
		fmt.Println(target, said)
	}
	os.Exit(code)
}

func shake(client *http.Client, target string) string {
	response, err := client.Get("https://" + target + "/")
	if err != nil {
		return strings.ReplaceAll(err.Error(), "\n", " ")
	}
	response.Body.Close()
	return "ok"
}
