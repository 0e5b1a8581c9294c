// Requests over HTTP/2 with Go's own client, from eight goroutines over one connection: GET /hello, and an upload that comes back from
// /echo. Prints JSON: how many were answered whole, and what went wrong with the others.
// Usage: requests PORT CA HOST COUNT
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	goroutines = 8
	upload     = 100_000
)

func main() {
	port, ca, host := os.Args[1], os.Args[2], os.Args[3]
	count, err := strconv.ParseInt(os.Args[4], 10, 64)
	check(err)
	pem, err := os.ReadFile(ca)
	check(err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		panic("no certificate in " + ca)
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	client := &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			ForceAttemptHTTP2: true,
			DialContext:       dial,
			TLSClientConfig:   &tls.Config{RootCAs: roots},
		},
	}
	server := "https://" + host + ":" + port
	body := bytes.Repeat([]byte("greengate "), upload/10)

	var begun, whole atomic.Int64
	var failures sync.Map
	var all sync.WaitGroup
	for range goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			for number := begun.Add(1); number <= count; number = begun.Add(1) {
				if err := ask(client, server, body, number%4 == 0); err != nil {
					failures.Store(err.Error(), true)
				} else {
					whole.Add(1)
				}
			}
		}()
	}
	all.Wait()
	failed := []string{}
	failures.Range(func(failure, _ any) bool {
		failed = append(failed, failure.(string))
		return true
	})
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"whole": whole.Load(), "failures": failed}))
}

func ask(client *http.Client, server string, body []byte, uploads bool) error {
	var answer *http.Response
	var err error
	if uploads {
		answer, err = client.Post(server+"/echo", "application/octet-stream", bytes.NewReader(body))
	} else {
		answer, err = client.Get(server + "/hello")
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	came, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.ProtoMajor != 2 || answer.StatusCode != http.StatusOK || uploads && !bytes.Equal(came, body) {
		return fmt.Errorf("%s %s with %d bytes", answer.Proto, answer.Status, len(came))
	}
	return nil
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
