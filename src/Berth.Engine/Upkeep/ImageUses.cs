using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Berth.Engine.Containers;
using Berth.Engine.Events;
using Berth.Model;
using Berth.Storage.Images;
using Berth.Storage.Metadata;

namespace Berth.Engine.Upkeep;

/// <summary>
/// When images were last used: made or come, named, pulled, or a container made of them or started. Learnt from the events; written to the journal in groups, so that a crash may lose the
/// last minutes and a start costs nothing.
/// </summary>
public sealed class ImageUses : IAsyncDisposable
{
    private const string Bucket = "image-uses";
    private static readonly TimeSpan WriteEvery = TimeSpan.FromMinutes(5);
    private readonly ContainerServices services;
    private readonly ContainerService containers;
    private readonly ConcurrentDictionary<Digest, long> times = [];
    private readonly ConcurrentDictionary<Digest, bool> changed = [];
    private readonly CancellationTokenSource stopping = new();
    private Task listening = Task.CompletedTask;
    private Task writing = Task.CompletedTask;

    /// <param name="services">Events, journal, images.</param>
    /// <param name="containers">Tells of what a container was made.</param>
    public ImageUses(ContainerServices services, ContainerService containers)
    {
        this.services = services;
        this.containers = containers;
        foreach ((string key, byte[] value) in services.Journal.Read(Bucket))
        {
            if (Digest.TryParse(key, out Digest id) && long.TryParse(Encoding.ASCII.GetString(value), NumberStyles.None, CultureInfo.InvariantCulture, out long time))
            {
                times[id] = time;
            }
        }
    }

    /// <summary>Told when images came, after their use is noted.</summary>
    public Action? ImageCame { get; set; }

    /// <summary>Begins to listen.</summary>
    public void Begin()
    {
        EventSubscription subscription = services.Events.Subscribe(null, pastOnly: false);
        listening = Task.Run(() => ListenAsync(subscription));
        writing = Task.Run(WriteRegularlyAsync);
    }

    /// <summary>When the image was last used, as far as it is known.</summary>
    public DateTimeOffset LastUse(ImageRecord image)
    {
        DateTimeOffset known = times.TryGetValue(image.Id, out long time) ? DateTimeOffset.FromUnixTimeMilliseconds(time) : DateTimeOffset.MinValue;
        return image.LastTagged is { } tagged && tagged > known ? tagged : known;
    }

    /// <summary>Writes what is not written yet, and forgets images that are gone.</summary>
    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        HashSet<Digest> present = [.. services.Images.List().Select(static image => image.Id)];
        List<JournalChange> changes = [];
        foreach (Digest id in changed.Keys.Where(id => changed.TryRemove(id, out _) && present.Contains(id)))
        {
            changes.Add(new JournalChange(Bucket, id.ToString(), Encoding.ASCII.GetBytes(times[id].ToString(CultureInfo.InvariantCulture))));
        }

        foreach (Digest gone in times.Keys.Where(id => !present.Contains(id)))
        {
            times.TryRemove(gone, out _);
            changes.Add(new JournalChange(Bucket, gone.ToString(), null));
        }

        await services.Journal.CommitAsync(changes, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await listening;
        await writing;
        try
        {
            await WriteAsync(CancellationToken.None);
        }
        catch (EngineException e)
        {
            EngineLog.LeftoverStays(services.Logger, e, "the times of images' last uses");
        }

        stopping.Dispose();
    }

    private async Task ListenAsync(EventSubscription subscription)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                using (subscription)
                {
                    await foreach (EngineEvent item in subscription.ReadAsync(stopping.Token))
                    {
                        Note(item);
                    }
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (EngineException)
            {
                // Too many at once: those that are missed count as no use.
            }

            subscription = services.Events.Subscribe(null, pastOnly: false);
        }

        subscription.Dispose();
    }

    private void Note(EngineEvent item)
    {
        bool came = item is { Type: "image", Action: "pull" or "load" or "import" } or { Type: "container", Action: "commit" };
        try
        {
            if (item is { Type: "container", Action: "create" or "start" })
            {
                Note(containers.Inspect(item.ActorId).Record.ImageId, item.TimeNano);
            }
            else if (item is { Type: "image", Action: "pull" or "load" or "import" or "tag" or "save" or "push" })
            {
                Note(services.Images.Resolve(item.ActorId).Id, item.TimeNano);
            }
        }
        catch (EngineException)
        {
            // It is gone already.
        }

        if (came)
        {
            ImageCame?.Invoke();
        }
    }

    private void Note(Digest image, long timeNano)
    {
        times[image] = timeNano / 1_000_000;
        changed[image] = true;
    }

    private async Task WriteRegularlyAsync()
    {
        using PeriodicTimer timer = new(WriteEvery, services.Clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping.Token))
            {
                await WriteAsync(stopping.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The daemon ends; what is left is written then.
        }
        catch (EngineException e)
        {
            EngineLog.LeftoverStays(services.Logger, e, "the times of images' last uses");
        }
    }
}
