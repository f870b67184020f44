using Berth.Engine.Events;
using Berth.Engine.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Engine.Tests.Events;

public sealed class EventHubTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_listener_gets_the_past_it_asked_for_and_then_what_happens_each_once()
    {
        using EventHub hub = Open();
        Publish(hub, "a", "b");
        using EventSubscription subscription = hub.Subscribe(since: 0, pastOnly: false);
        Publish(hub, "c");
        Assert.Equal(["a", "b", "c"], await TakeAsync(subscription, 3));
    }

    [Fact]
    public async Task The_past_is_there_after_a_restart_and_times_go_on_growing()
    {
        using (EventHub hub = Open())
        {
            Publish(hub, "a", "b");
        }

        File.AppendAllText(folder["current"], "{\"type\":\"cont"); // what a power cut leaves
        using EventHub again = Open();
        Publish(again, "c");
        using EventSubscription subscription = again.Subscribe(since: 0, pastOnly: true);
        List<EngineEvent> all = await subscription.ReadAsync(CancellationToken.None).ToListAsync();
        Assert.Equal(["a", "b", "c"], all.Select(static item => item.Action));
        Assert.True(all[0].TimeNano < all[1].TimeNano && all[1].TimeNano < all[2].TimeNano);
        Assert.Equal(["image", "name"], all[0].Attributes.Keys);
    }

    [Fact]
    public async Task Events_before_the_time_asked_for_are_left_out()
    {
        using EventHub hub = Open();
        Publish(hub, "a", "b", "c");
        using EventSubscription all = hub.Subscribe(since: 0, pastOnly: true);
        long second = (await all.ReadAsync(CancellationToken.None).ToListAsync())[1].TimeNano;
        using EventSubscription some = hub.Subscribe(second, pastOnly: true);
        Assert.Equal(["b", "c"], await TakeAsync(some, 2));
    }

    [Fact]
    public void The_ring_is_bounded_and_keeps_the_newest()
    {
        using EventRing ring = EventRing.Open(folder.Path, maxFileBytes: 10_000);
        for (int i = 1; i <= 1000; i++)
        {
            ring.Append(new EngineEvent("container", "start", new string('a', 64), new Dictionary<string, string>(), i));
        }

        Assert.InRange(new DirectoryInfo(folder.Path).EnumerateFiles().Sum(static file => file.Length), 10_000, 20_000);
        using EventHistory history = ring.Snapshot();
        List<long> times = [.. history.Read().Select(static item => item.TimeNano)];
        Assert.Equal(Enumerable.Range(1001 - times.Count, times.Count).Select(static i => (long)i), times);
    }

    [Fact]
    public void A_reader_of_the_past_is_not_disturbed_by_what_happens_meanwhile()
    {
        using EventRing ring = EventRing.Open(folder.Path, maxFileBytes: 2000);
        ring.Append(new EngineEvent("container", "first", "x", new Dictionary<string, string>(), 1));
        using EventHistory history = ring.Snapshot();
        for (int i = 2; i <= 200; i++)
        {
            ring.Append(new EngineEvent("container", "later", "x", new Dictionary<string, string>(), i));
        }

        Assert.Equal("first", Assert.Single(history.Read()).Action);
    }

    [Fact]
    public async Task A_reader_that_is_too_slow_is_told()
    {
        using EventHub hub = Open();
        using EventSubscription slow = hub.Subscribe(since: null, pastOnly: false);
        for (int i = 0; i <= EventSubscription.MostWaiting; i++)
        {
            Publish(hub, "a");
        }

        var failure = await Assert.ThrowsAsync<Berth.Model.EngineException>(async () => await slow.ReadAsync(CancellationToken.None).ToListAsync());
        Assert.Equal(Berth.Model.ErrorKind.Unavailable, failure.Kind);
    }

    [Fact]
    public async Task Events_from_many_sides_arrive_in_one_order()
    {
        using EventHub hub = Open();
        using EventSubscription one = hub.Subscribe(null, pastOnly: false);
        using EventSubscription other = hub.Subscribe(null, pastOnly: false);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(side => Task.Run(() => Publish(hub, [.. Enumerable.Range(0, 100).Select(i => $"{side}-{i}")]))));
        List<string> seen = await TakeAsync(one, 800);
        Assert.Equal(seen, await TakeAsync(other, 800));
        Assert.Equal(800, seen.Distinct().Count());
    }

    private EventHub Open() => EventHub.Open(folder.Path, TimeProvider.System, NullLogger.Instance);

    private static void Publish(EventHub hub, params string[] actions)
    {
        foreach (string action in actions)
        {
            hub.Publish("container", action, "id", new Dictionary<string, string> { ["name"] = "n", ["image"] = "busybox" });
        }
    }

    private static async Task<List<string>> TakeAsync(EventSubscription subscription, int count)
    {
        var result = new List<string>();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await foreach (EngineEvent item in subscription.ReadAsync(limit.Token))
        {
            result.Add(item.Action);
            if (result.Count == count)
            {
                break;
            }
        }

        return result;
    }
}
