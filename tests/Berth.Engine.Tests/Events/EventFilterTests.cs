using Berth.Engine.Events;

namespace Berth.Engine.Tests.Events;

public sealed class EventFilterTests
{
    private static readonly EngineEvent Start = New("container", "start", "abcdef123456", ("image", "registry:5000/app:1"), ("name", "web"), ("tier", "front"));
    private static readonly EngineEvent Probe = New("container", "exec_create: ls -l", "abcdef123456", ("image", "busybox"), ("name", "web"));
    private static readonly EngineEvent Tag = New("image", "tag", "sha256:0123", ("name", "busybox:1"));

    [Theory]
    [InlineData("type=container", true)]
    [InlineData("type=image", false)]
    [InlineData("type=image,type=container", true)]
    [InlineData("event=start", true)]
    [InlineData("event=sta", false)]
    [InlineData("event=start,type=image", false)]
    [InlineData("container=web", true)]
    [InlineData("container=we", true)]
    [InlineData("container=abcdef", true)]
    [InlineData("container=other", false)]
    [InlineData("container=other,container=web", true)]
    [InlineData("image=registry:5000/app:1", true)]
    [InlineData("image=registry:5000/app", true)]
    [InlineData("image=app", false)]
    [InlineData("label=tier", true)]
    [InlineData("label=tier=front", true)]
    [InlineData("label=tier=back", false)]
    [InlineData("label=tier,label=zone", false)]
    [InlineData("scope=local", true)]
    [InlineData("scope=swarm", false)]
    [InlineData("daemon=other", false)]
    [InlineData("", true)]
    public void Filters_of_a_containers_event(string filters, bool isIncluded) => Assert.Equal(isIncluded, Filter(filters).Includes(Start));

    [Theory]
    [InlineData("event=exec_create", true)]
    [InlineData("event=exec_create: ls -l", true)]
    [InlineData("event=exec_start", false)]
    [InlineData("event=exec", false)]
    public void Actions_with_a_command_are_found_by_their_first_word(string filters, bool isIncluded) => Assert.Equal(isIncluded, Filter(filters).Includes(Probe));

    [Theory]
    [InlineData("image=busybox", true)]
    [InlineData("image=busybox:1", true)]
    [InlineData("image=sha256:0123", true)]
    [InlineData("image=busybox:2", false)]
    [InlineData("container=web", false)]
    public void Filters_of_an_images_event(string filters, bool isIncluded) => Assert.Equal(isIncluded, Filter(filters).Includes(Tag));

    private static EventFilter Filter(string text) => new(text.Split(',', StringSplitOptions.RemoveEmptyEntries)
        .Select(static pair => pair.Split('=', 2)).GroupBy(static pair => pair[0], static pair => pair[1], StringComparer.Ordinal)
        .ToDictionary(static group => group.Key, static group => group.ToList(), StringComparer.Ordinal));

    private static EngineEvent New(string type, string action, string id, params (string Key, string Value)[] attributes) =>
        new(type, action, id, attributes.ToDictionary(static pair => pair.Key, static pair => pair.Value, StringComparer.Ordinal), 1);
}
