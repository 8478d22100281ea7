// Package devstack is Kafka and a schema registry in this process, on real TCP
// ports: one broker that knows consumer groups and transactions, and the
// registry of package embedded. It is made for the demo, for tests and for
// work on a machine without Docker; it is no place for data that matters.
//
//	stack, err := devstack.Start(ctx, devstack.Config{})
//	if err != nil {
//		return err
//	}
//	defer stack.Close()
//	connect(stack.Brokers(), stack.RegistryURL())
//
// With a folder, topics, records, committed offsets and schemas come back at
// the next Start. Topics are never made by asking for them: create them.
package devstack
