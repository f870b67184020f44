using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;
using Berth.Storage.Snapshots;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Images;

public sealed class ImageCommitTests : IAsyncLifetime
{
    private readonly TempFolder temp = new();
    private Stores stores = null!;

    private ImageStore Images => stores.Images;

    public Task InitializeAsync()
    {
        stores = new Stores(temp["data"]);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await stores.DisposeAsync();
        temp.Dispose();
    }

    [Fact]
    public async Task ACommitIsALayerOnTopWithItsHistory()
    {
        ImageRecord parent = await ImportAsync("box", "a");
        ContainerId container = Prepare(parent);
        File.WriteAllText(Upper(container) + "/new", "new");
        ImageRecord image = await CommitAsync(container, parent, "made:1");
        Assert.Equal([parent.ChainIds[0]], image.ChainIds.SkipLast(1));
        Assert.Equal(parent.Size + 3, image.Size);
        Assert.Equal(parent.Id, image.Parent);
        Assert.Equal([image.Id], Images.ChildrenOf(parent.Id).Select(child => child.Id));
        Assert.Equal("new", File.ReadAllText(temp[$"data/snapshots/layers/{image.ChainIds[1].Hex}/fs/new"]));
        IReadOnlyList<ImageHistoryStep> history = Images.HistoryOf(image);
        Assert.Equal(
            [(image.Id, "sh -c x", "why", 3L, "made:1"), (parent.Id, null, "imported", 1L, "box:latest")],
            history.Select(step => (step.Id!.Value, step.Step.CreatedBy, step.Step.Comment, step.Size, step.Tags.Single())));
        await RestartAsync();
        Assert.Equal(parent.Id, Images.Resolve("made:1").Parent);
        Assert.Equal("me", Images.Resolve("made:1").Config.Author);
    }

    [Fact]
    public async Task AContainerWithoutChangesGivesAnEmptyStep()
    {
        ImageRecord parent = await ImportAsync("box", "a");
        ImageRecord image = await CommitAsync(Prepare(parent), parent, "same:1");
        Assert.Equal(parent.ChainIds, image.ChainIds);
        Assert.True(image.Config.History![^1].EmptyLayer);
        Assert.Equal(0, Images.HistoryOf(image)[0].Size);
        ImageRecord nothing = await CommitAsync(Prepare(null), null, "scratch:1");
        Assert.Empty(nothing.ChainIds);
        Assert.Equal(0, nothing.Size);
    }

    [Fact]
    public async Task AParentStaysWhileImagesAreMadeFromIt()
    {
        ImageRecord parent = await ImportAsync("box", "a");
        ContainerId container = Prepare(parent);
        File.WriteAllText(Upper(container) + "/new", "new");
        ImageRecord child = await CommitAsync(container, parent, "child:1");
        stores.Snapshotter.Remove(container);
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => RemoveAsync(parent.Id.Hex, force: true));
        Assert.Equal((ErrorKind.Conflict, $"conflict: unable to delete {parent.Id.Hex[..12]} (cannot be forced) - image has dependent child images"), (e.Kind, e.Message));

        // Its name goes, and it goes with the last image made from it.
        Assert.Equal([new("box:latest", null)], await RemoveAsync("box"));
        Assert.Equal(
            [new("child:1", null), new(null, child.Id.ToString()), new(null, child.ChainIds[1].ToString()), new(null, parent.Id.ToString()), new(null, parent.ChainIds[0].ToString())],
            await RemoveAsync("child:1"));
        Assert.Empty(stores.Leftovers());
    }

    [Fact]
    public async Task WithoutPruningAndWithANameTheParentStays()
    {
        ImageRecord parent = await ImportAsync("box", "a");
        ImageRecord child = await CommitAsync(Changed(parent), parent, "child:1");
        Assert.Equal(3, (await RemoveAsync("child:1")).Count);
        child = await CommitAsync(Changed(parent), parent, "child:1");
        await RemoveAsync("box");
        Assert.Equal(3, (await Images.RemoveAsync(child.Id.Hex, false, prune: false, _ => ImageUse.None, default)).Count);
        Assert.Equal(parent.Id, Assert.Single(Images.List()).Id);
    }

    [Fact]
    public async Task PruningTakesWhatHasNoNameAndNothingThatIsUsed()
    {
        ImageRecord parent = await ImportAsync("box", "a");
        ImageRecord child = await CommitAsync(Changed(parent), parent, "child:1");
        ImageRecord dangling = await ImportAsync("moved", "b");
        ImageRecord used = await ImportAsync("moved", "c");
        await ImportAsync("moved", "d");
        await RemoveAsync("box");
        ImagePruning pruning = await Images.PruneAsync(all: false, image => true, id => id == used.Id ? new ImageUse([], [ContainerId.Create()]) : ImageUse.None, default);
        Assert.Equal([new(null, dangling.Id.ToString()), new(null, dangling.ChainIds[0].ToString())], pruning.Removals);
        Assert.Equal(1, pruning.ReclaimedBytes);
        Assert.NotNull(Images.Resolve(child.Id.Hex));
        pruning = await Images.PruneAsync(all: true, image => image.Id != child.Id, _ => ImageUse.None, default);
        Assert.Equal([child.Id, parent.Id], Images.List().Select(image => image.Id).OrderBy(id => id == parent.Id));
        Assert.Equal(2, pruning.ReclaimedBytes);
    }

    [Fact]
    public async Task ANameThatLayersReserveCannotBeCommitted()
    {
        ImageRecord parent = await ImportAsync("box", "a");
        ContainerId container = Prepare(parent);
        File.WriteAllText(Upper(container) + "/.wh.f", "");
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => CommitAsync(container, parent, "made:1"));
        Assert.Equal(ErrorKind.InvalidArgument, e.Kind);
        Assert.Contains("\"/.wh.f\"", e.Message);
        Assert.Equal(4, stores.Leftovers().Count);
    }

    [Fact]
    public async Task ManyCommitsAtOnce()
    {
        ImageRecord parent = await ImportAsync("box", "a");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => CommitAsync(Changed(parent), parent, "made:" + i))));
        Assert.Equal(9, Images.List().Count);
        foreach (int i in Enumerable.Range(0, 8))
        {
            await RemoveAsync("made:" + i);
        }

        Assert.Equal(4, stores.Leftovers().Count);
        Assert.Equal([(parent.ChainIds[0], 1)], Images.ListLayers().Where(layer => layer.Images > 0).Select(layer => (layer.ChainId, layer.Images)));
    }

    private ContainerId Changed(ImageRecord parent)
    {
        ContainerId container = Prepare(parent);
        File.WriteAllText(Upper(container) + "/new", container.ToString());
        return container;
    }

    private ContainerId Prepare(ImageRecord? parent)
    {
        ContainerId container = ContainerId.Create();
        stores.Snapshotter.Prepare(container, parent?.ChainIds ?? []);
        return container;
    }

    private string Upper(ContainerId container) => temp[$"data/snapshots/containers/{container}/upper"];

    private Task<ImageRecord> CommitAsync(ContainerId container, ImageRecord? parent, string name) => Images.CommitAsync(
        new CommitOptions
        {
            Container = container,
            ChainIds = parent?.ChainIds ?? [],
            Parent = parent?.Id ?? default,
            RunConfig = new ImageRunConfig { Cmd = ["x"] },
            Author = "me",
            Comment = "why",
            CreatedBy = "sh -c x",
            Reference = ImageReference.Parse(name),
        },
        default);

    private Task<IReadOnlyList<ImageRemoval>> RemoveAsync(string name, bool force = false) => Images.RemoveAsync(name, force, _ => ImageUse.None, default);

    private Task<ImageRecord> ImportAsync(string name, string content) =>
        Images.ImportAsync(new TarBuilder().File("f", content).ToStream(), new ImportOptions(null, "imported", null, ImageReference.Parse(name)), default);

    private async Task RestartAsync()
    {
        await stores.DisposeAsync();
        stores = new Stores(temp["data"]);
    }
}
