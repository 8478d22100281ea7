package kafka_test

import "testing"

func TestASettingIsTheTopicsOwnOrTheBrokers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	const name = "retention.ms"
	before, err := b.client.TopicSetting(topic, name)
	if err != nil || before == "" {
		t.Errorf("got %q, %v, want what the broker has for all topics", before, err)
	}
	if err := b.client.AlterTopic(topic, map[string]string{name: "4711000"}); err != nil {
		t.Fatal(err)
	}
	if got, err := b.client.TopicSetting(topic, name); got != "4711000" || err != nil {
		t.Errorf("got %q, %v, want the topic's own", got, err)
	}
	if got, err := b.client.TopicSetting(topic, "strange"); got != "" || err != nil {
		t.Errorf("a setting that there is not: got %q, %v, want nothing", got, err)
	}
	if got, err := b.client.TopicSetting(topicName(t), name); err == nil {
		t.Errorf("a topic that there is not: got %q, want an error", got)
	}
}
