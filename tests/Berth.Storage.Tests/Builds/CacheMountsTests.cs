using Berth.Model;
using Berth.Storage.Builds;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Builds;

/// <summary>Caches that steps of builds mount; needs root for owners.</summary>
public sealed class CacheMountsTests : IDisposable
{
    private readonly TempFolder temp = new();
    private readonly StorageRoot storage;
    private readonly CacheMounts caches;

    public CacheMountsTests()
    {
        storage = StorageRoot.Open(temp["data"]);
        caches = new CacheMounts(storage, new StepFolders(storage), TimeProvider.System);
    }

    public void Dispose()
    {
        storage.Dispose();
        temp.Dispose();
    }

    [Fact]
    public async Task SharedOnesAreOneAndPrivateOnesAreApart()
    {
        using PreparedMount first = await OpenAsync("id", CacheUse.Shared, "a"), second = await OpenAsync("id", CacheUse.Shared, "b");
        Assert.Equal(first.Mount.Source, second.Mount.Source);
        using PreparedMount apart = await OpenAsync("id", CacheUse.Private, "c"), further = await OpenAsync("id", CacheUse.Private, "d");
        Assert.Equal(3, new[] { first, apart, further }.Select(static mount => mount.Mount.Source).Distinct().Count());
        string source = apart.Mount.Source;
        apart.Dispose();
        using PreparedMount again = await OpenAsync("id", CacheUse.Private, "e");
        Assert.Equal(source, again.Mount.Source);
    }

    [Fact]
    public async Task ALockedOneIsWaitedForButNotByTheStepThatHasIt()
    {
        PreparedMount first = await OpenAsync("id", CacheUse.Locked, "a");
        PreparedMount same = await OpenAsync("id", CacheUse.Locked, "a");
        Task<PreparedMount> locked = OpenAsync("id", CacheUse.Locked, "b"), shared = OpenAsync("id", CacheUse.Shared, "c");
        first.Dispose();
        Assert.False(locked.IsCompleted || shared.IsCompleted);
        using CancellationTokenSource ended = new();
        Task<PreparedMount> cancelled = caches.OpenAsync(new CacheRequest { Id = "id", Use = CacheUse.Locked }, null, "d", ended.Token);
        await ended.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        same.Dispose();
        Task<PreparedMount> next = await Task.WhenAny(locked, shared);
        (await next).Dispose();
        (await (next == locked ? shared : locked)).Dispose();
        Assert.False(Assert.Single(caches.List()).IsInUse);
    }

    [Fact]
    public async Task OnesThatBeginDifferentlyAreDifferent()
    {
        List<string> names = [];
        foreach (CacheRequest request in (CacheRequest[])[new() { Id = "id" }, new() { Id = "id", Begin = "x" }, new() { Id = "id", Uid = 3 }, new() { Id = "id", Mode = 0x1C0 }, new() { Id = "x\nid" }])
        {
            using PreparedMount mount = await caches.OpenAsync(request, null, "a", default);
            names.Add(mount.Mount.Source);
        }

        Assert.Equal(5, names.Distinct().Count());
    }

    [Fact]
    public async Task TheyAreListedAndRemovedUnlessAStepHasThem()
    {
        using PreparedMount mount = await OpenAsync("id", CacheUse.Shared, "a");
        await File.WriteAllTextAsync(mount.Mount.Source + "/f", new string('x', 100_000));
        File.CreateSymbolicLink(mount.Mount.Source + "/link", temp.Path);
        CacheMountInfo info = Assert.Single(caches.List());
        Assert.Equal("id", info.Id);
        Assert.True(info is { IsInUse: true, Size: >= 100_000 });
        Assert.Null(caches.Remove(info.Name));
        mount.Dispose();
        Assert.Null(caches.Remove("../mounts"));
        Assert.Null(caches.Remove("another"));
        Assert.InRange(caches.Remove(info.Name) ?? 0, 100_000, 1_000_000);
        Assert.Empty(caches.List());
        Assert.Empty(Directory.GetFileSystemEntries(temp["data/builds/mounts"]));
        Assert.True(Directory.Exists(temp["data/builds"]));
    }

    [Fact]
    public async Task Attack27_WhatACrashLeftOfAStepIsDeleted()
    {
        Directory.CreateDirectory(temp["data/builds/mounts/left/fs"]);
        File.CreateSymbolicLink(temp["data/builds/mounts/left/fs/link"], temp.Path);
        _ = new StepFolders(storage);
        while (Directory.Exists(temp["data/builds/mounts/left"]))
        {
            await Task.Delay(5);
        }

        Assert.True(Directory.Exists(temp["data"]));
    }

    private Task<PreparedMount> OpenAsync(string id, CacheUse use, string owner) => caches.OpenAsync(new CacheRequest { Id = id, Use = use }, null, owner, default);
}
