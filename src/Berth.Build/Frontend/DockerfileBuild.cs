using System.Collections.Concurrent;
using Berth.Dockerfile;
using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Build.Progress;
using Berth.Build.Solver;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;

namespace Berth.Build.Frontend;

/// <summary>
/// Builds an image of a Dockerfile. Stages that the image needs are begun at once and wait for each other only where one uses another; within a stage the steps follow each other. For one build.
/// </summary>
public sealed class DockerfileBuild : IAsyncDisposable
{
    private readonly BuildTools tools;
    private readonly BuildOptions options;
    private readonly ImageAssembly assembly;
    private readonly StepRecorder recorder;
    private readonly StepSolver solver;
    private readonly ConcurrentDictionary<int, Lazy<Task<StageOutcome>>> stages = [];
    private readonly CancellationTokenSource stopping = new();

    private DockerfileBuild(BuildTools tools, BuildOptions options)
    {
        this.tools = tools;
        this.options = options;
        BuildWorld world = tools.World;
        assembly = world.Images.BeginAssembly();
        recorder = new StepRecorder(world.Images, assembly, world.Clock);
        solver = new StepSolver(world.Storage, world.Images, assembly, tools.Runner, world.Steps, recorder, options.Surroundings, world.Clock);
    }

    /// <summary>Builds. What was done stays for later builds, also when it fails or is ended; of the image itself nothing is there then.</summary>
    /// <exception cref="DockerfileException">The file is wrong; nothing was done.</exception>
    /// <exception cref="StepFailedException">A step's process ended with another code than 0.</exception>
    /// <exception cref="EngineException">All else, in docker's words.</exception>
    public static async Task<ImageRecord> RunAsync(BuildTools tools, BuildOptions options, CancellationToken cancellationToken)
    {
        await using DockerfileBuild build = new(tools, options);
        return await build.RunAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await ((Task)Task.WhenAll(stages.Values.Where(static stage => stage.IsValueCreated).Select(static stage => stage.Value))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await recorder.DisposeAsync();
        await assembly.DisposeAsync();
        stopping.Dispose();
    }

    private async Task<ImageRecord> RunAsync(CancellationToken cancellationToken)
    {
        await using CancellationTokenRegistration registration = cancellationToken.Register(stopping.Cancel);
        ParsedDockerfile file = InstructionReader.Read(options.Dockerfile, options.DockerfileName);
        GlobalScope global = new(file, new BuildInputs { Arguments = options.Arguments, Target = options.Platform ?? Platform.Host, TargetStage = options.Target });
        StepPlan plan = StepPlan.Make(global, options.Target, options.Labels);
        ReportGlobals(file, plan);
        foreach (Stage stage in plan.Stages)
        {
            _ = StageAsync(global, plan, stage); // begun
        }

        StageOutcome outcome = await FirstFailureOr(StageAsync(global, plan, plan.Target));
        ReportUnused(global, plan);
        return await StoreAsync(outcome.Image, cancellationToken);
    }

    // The stage that failed tells why; those that were ended for it only tell that they were.
    private async Task<StageOutcome> FirstFailureOr(Task<StageOutcome> target)
    {
        List<Task<StageOutcome>> running = [.. stages.Values.Select(static stage => stage.Value)];
        while (!target.IsCompletedSuccessfully)
        {
            Task<StageOutcome> ended = await Task.WhenAny(running);
            if (!ended.IsCompletedSuccessfully)
            {
                await stopping.CancelAsync();
                return await ended;
            }

            running.Remove(ended);
        }

        return await target;
    }

    private async Task<ImageRecord> StoreAsync(StageImage image, CancellationToken cancellationToken)
    {
        Digest id = image.Id;
        if (tools.World.Images.List().FirstOrDefault(known => known.Id == id) is { } present)
        {
            await tools.World.Images.NameAsync(present, options.Names, cancellationToken);
            return tools.World.Images.Resolve(id.ToString());
        }

        return await assembly.CommitAsync(
            new ImageParts { Config = image.ToDocument(), LayerBlobs = image.State.Blobs, References = options.Names, Parent = image.BaseId }, cancellationToken);
    }

    private void ReportGlobals(ParsedDockerfile file, StepPlan plan)
    {
        for (int i = 0; i < file.GlobalArgs.Count; i++)
        {
            BuildVertex vertex = VertexOf(plan, i + 1, file.GlobalArgs[i].Original, "", []);
            tools.Progress.Report(new VertexStarted(vertex, Now));
            tools.Progress.Report(new VertexCompleted(vertex, Now, false, default, null));
        }
    }

    private void ReportUnused(GlobalScope global, StepPlan plan)
    {
        if (global.FindUnused() is { Count: > 0 } unused)
        {
            BuildVertex vertex = VertexOf(plan, plan.Total + 1, "", "", []);
            tools.Progress.Report(new VertexNotice(vertex, Now, $"[Warning] One or more build-args [{string.Join(' ', unused)}] were not consumed\n"));
        }
    }

    private DateTimeOffset Now => tools.World.Clock.GetUtcNow();

    private static BuildVertex VertexOf(StepPlan plan, int number, string text, string stage, IReadOnlyList<Digest> inputs)
    {
        var key = new StepKey("vertex/1");
        Digest digest = key.Add(text).Add(stage).Add(number.ToString(System.Globalization.CultureInfo.InvariantCulture)).Add(inputs.Select(static input => input.ToString())).Finish();
        return new BuildVertex(digest, number, plan.Total, stage.Length == 0 ? text : $"[{stage}] {text}", text, inputs);
    }

    private Task<StageOutcome> StageAsync(GlobalScope global, StepPlan plan, Stage stage) =>
        stages.GetOrAdd(stage.Index, _ => new Lazy<Task<StageOutcome>>(() => Task.Run(() => RunStageAsync(global, plan, stage, stopping.Token)))).Value;

    private async Task<StageOutcome> RunStageAsync(GlobalScope global, StepPlan plan, Stage stage, CancellationToken cancellationToken)
    {
        string label = stage.Name ?? $"stage-{stage.Index}";
        int number = plan.NumberOf(stage);
        FromTarget from = global.ExpandFrom(stage);
        Stage? below = global.File.FindStage(from.BaseName, stage.Index);
        StageOutcome? input = below is null ? null : await StageAsync(global, plan, below).WaitAsync(cancellationToken);
        BuildVertex vertex = VertexOf(plan, number, stage.Node.Original, label, input is null ? [] : [input.Vertex]);
        StageImage image = await StepAsync(vertex, async () => (input?.Image ?? await BeginAsync(vertex, from, cancellationToken), false));
        StageScope scope = input is null ? new StageScope(global, EnvironmentOf(image.Config)) : new StageScope(input.Scope);
        IReadOnlyList<string> triggers = ConfigChanges.TriggersOf(image.Config);
        image = image with { Config = ConfigChanges.WithoutTriggers(image.Config), SetsCommand = false };
        StageSteps steps = new(this, global, plan, stage, label, scope, image, vertex.Digest);
        if (triggers.Count > 0)
        {
            tools.Progress.Report(new VertexNotice(vertex, Now, $"# Executing {triggers.Count} build trigger{(triggers.Count == 1 ? "" : "s")}\n"));
            foreach (string trigger in triggers)
            {
                await steps.RunAsync(InstructionReader.ReadTrigger(trigger), number, cancellationToken);
            }
        }

        foreach (Instruction instruction in plan.InstructionsOf(stage))
        {
            await steps.RunAsync(instruction, ++number, cancellationToken);
        }

        return new StageOutcome(steps.Image, scope, steps.Last);
    }

    private async Task<StageImage> BeginAsync(BuildVertex vertex, FromTarget from, CancellationToken cancellationToken)
    {
        Platform? platform = from.Platform is { } text ? Platform.Parse(text) : options.Platform;
        if (from.BaseName == "scratch")
        {
            return new StageImage { State = BuildState.Empty, Config = new ImageRunConfig(), Platform = platform ?? Platform.Host };
        }

        ImageRecord image = await tools.BaseImages.GetAsync(
            from.BaseName, platform, options.Pulls, (name, status, done, total) => tools.Progress.Report(new VertexStatus(vertex, Now, name, status, done, total)), cancellationToken);
        Hold(image);
        return new StageImage
        {
            State = new BuildState(image.ChainIds, image.Config.Rootfs.DiffIds, assembly.BlobsOf(image.ChainIds)),
            Config = image.Config.Config ?? new ImageRunConfig(),
            History = image.Config.History ?? [],
            Platform = new Platform(image.Config.Os, image.Config.Architecture, image.Config.Variant),
            Author = image.Config.Author,
            Created = image.Config.Created,
            BaseId = image.Id,
        };
    }

    /// <summary>Keeps an image's layers until the build ends.</summary>
    private void Hold(ImageRecord image)
    {
        if (!image.ChainIds.All(assembly.TryUseLayer))
        {
            throw new EngineException(ErrorKind.NotFound, $"image {image.Id} was removed while the build began, or is damaged; try again (\"berth system fsck\" tells what is broken)");
        }
    }

    // Tells of the step's beginning and end.
    private async Task<StageImage> StepAsync(BuildVertex vertex, Func<Task<(StageImage Image, bool IsCached)>> work)
    {
        tools.Progress.Report(new VertexStarted(vertex, Now));
        try
        {
            (StageImage image, bool isCached) = await work();
            tools.Progress.Report(new VertexCompleted(vertex, Now, isCached, image.IsChanged || !image.BaseId.IsEmpty ? image.Id : default, null));
            return image;
        }
        catch (Exception e)
        {
            tools.Progress.Report(new VertexCompleted(vertex, Now, false, default, e is OperationCanceledException ? "canceled" : e.Message));
            throw;
        }
    }

    private static Dictionary<string, string> EnvironmentOf(ImageRunConfig config)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string entry in config.Env ?? [])
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            variables[equals < 0 ? entry : entry[..equals]] = equals < 0 ? "" : entry[(equals + 1)..];
        }

        return variables;
    }

    /// <summary>The steps of one stage, one after the other.</summary>
    private sealed class StageSteps(DockerfileBuild build, GlobalScope global, StepPlan plan, Stage stage, string label, StageScope scope, StageImage begin, Digest first)
    {
        private readonly bool usesCache = !build.options.IgnoresCache && !build.options.StagesWithoutCache.Contains(label);

        public StageImage Image { get; private set; } = begin;

        public Digest Last { get; private set; } = first;

        public async Task RunAsync(Instruction written, int number, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Instruction instruction = plan.Labels.Contains(written) ? written : scope.Expand(written); // the build's own labels have no variables
            StageOutcome? input = instruction is CopyInstruction { From: { } name } && global.File.FindStage(name, stage.Index) is { } source
                ? await build.StageAsync(global, plan, source).WaitAsync(cancellationToken)
                : null;
            Dictionary<string, StageOutcome> mounted = await MountedStagesAsync(instruction, cancellationToken);
            BuildVertex vertex = VertexOf(plan, number, written.Original, label, [Last, .. input is null ? [] : (Digest[])[input.Vertex], .. mounted.Values.Select(static outcome => outcome.Vertex)])
                with
            { HasFiles = instruction is RunInstruction or TransferInstruction or WorkdirInstruction };
            Image = await build.StepAsync(vertex, () => DoAsync(vertex, instruction, input, mounted, cancellationToken));
            scope.Apply(instruction);
            Last = vertex.Digest;
        }

        private async Task<Dictionary<string, StageOutcome>> MountedStagesAsync(Instruction instruction, CancellationToken cancellationToken)
        {
            Dictionary<string, StageOutcome> result = new(StringComparer.Ordinal);
            foreach (string name in ((instruction as RunInstruction)?.Mounts ?? []).Select(static mount => mount.From).OfType<string>())
            {
                if (global.File.FindStage(name, stage.Index) is { } source)
                {
                    result[name] = await build.StageAsync(global, plan, source).WaitAsync(cancellationToken);
                }
            }

            return result;
        }

        private async Task<(StageImage Image, bool IsCached)> DoAsync(
            BuildVertex vertex, Instruction instruction, StageOutcome? input, Dictionary<string, StageOutcome> mounted, CancellationToken cancellationToken)
        {
            bool setsCommand = Image.SetsCommand || instruction is CmdInstruction;
            ImageRunConfig config = ConfigChanges.Apply(Image.Config, instruction, setsCommand);
            string? author = (instruction as MaintainerInstruction)?.Name ?? Image.Author;
            (StepResult result, string createdBy) = instruction switch
            {
                RunInstruction run => await DoAsync(vertex, run, mounted, cancellationToken),
                TransferInstruction transfer => await new TransferWork(build.tools, build.solver, build.Hold, Image, usesCache).DoAsync(vertex, transfer, input?.Image, cancellationToken),
                WorkdirInstruction => (await build.solver.MakeFolderAsync(vertex, config.WorkingDir!, build.Now.ToUnixTimeSeconds(), Image.State, usesCache, cancellationToken), // just set
                    Comment(config, ConfigChanges.Describe(config, instruction))),
                _ => (build.solver.Configure(vertex, Image.Id.ToString() + " " + ConfigChanges.Describe(config, instruction), Image.State, usesCache), Comment(config, ConfigChanges.Describe(config, instruction))),
            };
            return ((Image with { Author = author, SetsCommand = setsCommand }).After(result, config, createdBy), result.IsCached);
        }

        private async Task<(StepResult Result, string CreatedBy)> DoAsync(BuildVertex vertex, RunInstruction run, Dictionary<string, StageOutcome> mounted, CancellationToken cancellationToken)
        {
            using MountWork mounts = new(build.tools, build.options.Secrets, build.Hold, Image, name => mounted.GetValueOrDefault(name)?.Image);
            return await new RunWork(build.tools, build.solver, scope, Image, usesCache).DoAsync(vertex, run, mounts, cancellationToken);
        }

        private static string Comment(ImageRunConfig config, string text) => $"{string.Join(' ', ConfigChanges.ShellOf(config))} #(nop)  {text}";
    }
}
