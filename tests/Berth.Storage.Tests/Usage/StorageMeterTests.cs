using System.Diagnostics;
using System.Globalization;
using Berth.Model;
using Berth.Storage.Images;
using Berth.Storage.Tests.Support;
using Berth.Storage.Usage;

namespace Berth.Storage.Tests.Usage;

public sealed class StorageMeterTests
{
    [Fact]
    public async Task TheSumIsWhatDuSays()
    {
        using TempFolder temp = new();
        await using Stores stores = new(temp["data"]);
        TarBuilder tar = new();
        for (int i = 0; i < 300; i++)
        {
            tar.File($"folder{i % 7}/file{i}", new string('x', i * 97)).HardLink($"folder{i % 7}/hard{i}", $"folder{i % 7}/file{i}");
        }

        ImageRecord image = await stores.Images.ImportAsync(tar.ToStream(), new ImportOptions(null, null, null, ImageReference.Parse("box")), default);
        ContainerId id = ContainerId.Create();
        stores.Snapshotter.Prepare(id, image.ChainIds);
        string upper = temp[$"data/snapshots/containers/{id}/upper"];
        for (string deep = upper; deep.Length < upper.Length + 3000; deep += "/" + new string('d', 200))
        {
            Directory.CreateDirectory(deep);
            File.WriteAllText(deep + "/f", new string('y', 5000));
        }

        Directory.CreateDirectory(temp[$"data/containers/{id}"]);
        File.WriteAllText(temp[$"data/containers/{id}/{id}-json.log"], new string('l', 50_000));
        File.WriteAllText(temp[$"data/containers/{id}/hosts"], "hosts");
        Directory.CreateDirectory(temp["data/content/partial"]);
        File.WriteAllText(temp["data/content/partial/half"], new string('p', 9000));
        File.WriteAllText(temp["data/somebody's"], new string('s', 12_000));
        Directory.CreateDirectory(temp["data/lost+found"]);

        StorageMeter meter = new(stores.Root, stores.Snapshotter);
        stores.Content.SyncFileSystem();
        StorageUsage first = meter.Measure(default);
        Assert.Equal(Du(temp["data"]), first.Total);
        Assert.True(first is { Blobs: > 4_000_000, Layers: > 4_000_000, Containers: > 60_000, Logs: >= 50_000, ContainerFiles: > 0, Metadata: > 12_000, Unfinished: >= 9000 }, first.ToString());
        Assert.Equal(first, meter.Measure(default)); // of layers that are remembered

        await stores.Images.RemoveAsync("box", force: true, static _ => ImageUse.None, default);
        stores.Snapshotter.Remove(id);
        await stores.Images.CollectLayersAsync(default);
        for (int i = 0; i < 100 && meter.Measure(default).Trash > 10_000; i++)
        {
            await Task.Delay(20);
        }

        StorageUsage last = meter.Measure(default);
        Assert.Equal(Du(temp["data"]), last.Total);
        Assert.True(last.Layers < 20_000, last.ToString());
    }

    private static long Du(string path)
    {
        using Process du = Process.Start(new ProcessStartInfo("du", ["-s", "--block-size=1", path]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string text = du.StandardOutput.ReadToEnd();
        du.WaitForExit();
        return long.Parse(text.Split('\t')[0], CultureInfo.InvariantCulture);
    }
}
